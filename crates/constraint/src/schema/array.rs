//! The keywords of arrays.

use linnet_text::ConstraintError;
use serde_json::Value;

use super::algebra::Compiler;
use super::forms::{Array, Contains, Goal};
use super::keywords::count;
use super::sources::{Draft, Node};
use super::{invalid, unsupported};
use crate::limits;

impl Compiler {
    /// The arrays that a keyword allows, or (not `positive`) forbids. `None` if it limits nothing.
    ///
    /// # Errors
    /// If it is malformed or cannot be enforced.
    pub fn array_keyword(
        &mut self,
        node: Node,
        keyword: &str,
        value: &Value,
        positive: bool,
    ) -> Result<Option<Vec<Array>>, ConstraintError> {
        let source = self.sources.get(node);
        let (path, schema) = (format!("{}/{keyword}", source.path), source.schema.clone());
        let draft7 = self.sources.draft == Draft::Draft7;
        let prefix_keyword = if draft7 { "items" } else { "prefixItems" };
        let prefix_length = match schema.get(prefix_keyword) {
            Some(Value::Array(list)) => list.len(),
            _ => 0,
        };
        let length = |min, max| vec![Array { min, max, ..Array::default() }];
        Ok(Some(match keyword {
            "minItems" => match (count(value, &path)?, positive) {
                (min, true) => length(min, None),
                (0, false) => Vec::new(),
                (min, false) => length(0, Some(min - 1)),
            },
            "maxItems" => match (count(value, &path)?, positive) {
                (max, true) => length(0, Some(max)),
                (max, false) => length(max + 1, None),
            },
            "uniqueItems" => match (value.as_bool(), positive) {
                (Some(false), _) => return Ok((!positive).then(Vec::new)),
                (Some(true), true) => vec![Array { unique: true, ..Array::default() }],
                (Some(true), false) => {
                    return Err(unsupported(&path, "the opposite of `uniqueItems` is not supported"));
                }
                (None, _) => return Err(invalid(&path, "`uniqueItems` is true or false")),
            },
            "contains" => {
                let inner = self.sources.child(node, &["contains"])?;
                let bound = |name: &str| -> Result<Option<u32>, ConstraintError> {
                    let value = schema.get(name).filter(|_| !draft7);
                    value.map(|value| count(value, &format!("{path}/../{name}"))).transpose()
                };
                let (min, max) = (bound("minContains")?.unwrap_or(1), bound("maxContains")?);
                let having = |min, max| Array {
                    contains: vec![Contains { term: (inner, true), from: 0, min, max }],
                    ..Array::default()
                };
                if positive {
                    vec![having(min, max)]
                } else {
                    let fewer = (min > 0).then(|| having(0, Some(min.saturating_sub(1))));
                    let more = max.map(|max| having(max + 1, None));
                    fewer.into_iter().chain(more).collect()
                }
            }
            "prefixItems" | "items" if value.is_array() => {
                if keyword != prefix_keyword {
                    return Err(invalid(
                        &path,
                        "a list in `items` is of draft 7; use `prefixItems`, or name it in `$schema`",
                    ));
                }
                let mut parts = Vec::new();
                for index in 0..prefix_length {
                    parts.push(self.sources.child(node, &[keyword, &index.to_string()])?);
                }
                if positive {
                    let prefix = parts.into_iter().map(Goal::of).collect();
                    return Ok(Some(vec![Array { prefix, ..Array::default() }]));
                }
                limits::spend(prefix_length * prefix_length / 4)?;
                let wrong = |(index, part): (usize, Node)| {
                    let mut prefix = vec![Goal::default(); index];
                    prefix.push(Goal::not(part));
                    Array { min: u32::try_from(index + 1).unwrap_or(u32::MAX), prefix, ..Array::default() }
                };
                parts.into_iter().enumerate().map(wrong).collect()
            }
            "additionalItems"
                if !draft7 || prefix_length == 0 && !schema.get("items").is_some_and(Value::is_array) =>
            {
                return Ok(None);
            }
            _ => {
                let inner = self.sources.child(node, &[keyword])?;
                if positive {
                    let prefix = vec![Goal::default(); prefix_length];
                    vec![Array { prefix, rest: Goal::of(inner), ..Array::default() }]
                } else {
                    let wrong = Contains { term: (inner, false), from: prefix_length, min: 1, max: None };
                    vec![Array { contains: vec![wrong], ..Array::default() }]
                }
            }
        }))
    }
}
