//! The keywords of JSON Schema.

use std::rc::Rc;

use linnet_text::ConstraintError;
use serde_json::Value;

use super::algebra::Compiler;
use super::decimal::Decimal;
use super::forms::{Array, Forms, Goal, Object, Strings};
use super::number::Numbers;
use super::sources::{Draft, Node};
use super::{format, invalid, too_complex, unsupported};
use crate::javascript::{self, Flags};
use crate::limits;
use crate::pattern::{Pattern, any_char};

/// Keywords that draft 7 does not have.
const SINCE_2019: [&str; 8] = [
    "prefixItems",
    "dependentRequired",
    "dependentSchemas",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
];

impl Compiler {
    /// The values that are valid by a subschema, or (not `positive`) all others.
    ///
    /// # Errors
    /// If it is malformed or cannot be enforced.
    pub fn of_node(&mut self, node: Node, positive: bool) -> Result<Forms, ConstraintError> {
        let schema = self.sources.get(node).schema.clone();
        let object = match &*schema {
            Value::Object(object) => object,
            other => {
                let all = other.as_bool() == Some(positive);
                return Ok(if all { Forms::all() } else { Forms::default() });
            }
        };
        let path = self.sources.get(node).path.clone();
        let only_reference = self.sources.draft == Draft::Draft7 && object.contains_key("$ref");
        let mut keywords: Vec<(&String, &Value)> = object.iter().collect();
        // First, because its order is the one in which properties are written.
        keywords.sort_by_key(|(keyword, _)| *keyword != "properties");
        let mut out = if positive { Forms::all() } else { Forms::default() };
        for (keyword, value) in keywords {
            if only_reference && keyword != "$ref" {
                continue;
            }
            let known = self.sources.draft == Draft::Draft2020 || !SINCE_2019.contains(&keyword.as_str());
            let part = if known { self.keyword(node, keyword, value, positive)? } else { None };
            let Some(part) = part else { continue };
            out = if positive { self.both(&out, &part, &path)? } else { out.union(part) };
        }
        Ok(out)
    }

    /// What one keyword allows, or (not `positive`) forbids. `None` if it limits nothing.
    fn keyword(
        &mut self,
        node: Node,
        keyword: &str,
        value: &Value,
        positive: bool,
    ) -> Result<Option<Forms>, ConstraintError> {
        let path = format!("{}/{keyword}", self.sources.get(node).path);
        let schema = self.sources.get(node).schema.clone();
        let sibling = |name: &str| schema.get(name);
        Ok(Some(match keyword {
            "type" => self.simple(types(value, &path)?, node, positive)?,
            "enum" => {
                let Value::Array(values) = value else { return Err(invalid(&path, "`enum` is a list")) };
                self.simple(literals(values), node, positive)?
            }
            "const" => self.simple(literals(std::slice::from_ref(value)), node, positive)?,
            "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => {
                let Value::Number(bound) = value else { return Err(invalid(&path, "a bound is a number")) };
                let (above, inclusive) = (keyword.ends_with("inimum"), !keyword.starts_with("excl"));
                let numbers = Numbers::bounded(&Decimal::of(bound), above, inclusive);
                self.simple(Forms { numbers: vec![numbers], ..Forms::all() }, node, positive)?
            }
            "multipleOf" => {
                let Value::Number(of) = value else { return Err(invalid(&path, "`multipleOf` is a number")) };
                let of = Decimal::of(of);
                if of.negative || of.is_zero() {
                    return Err(invalid(&path, "`multipleOf` is larger than 0"));
                }
                let multiples = Numbers::multiples(&of)
                    .ok_or_else(|| unsupported(&path, "a factor has at most 8 digits and 8 decimals"))?;
                self.simple(Forms { numbers: vec![multiples], ..Forms::all() }, node, positive)?
            }
            "minLength" | "maxLength" => {
                let length = count(value, &path)?;
                let longer = positive == (keyword == "minLength");
                let (min, max) = match (longer, positive) {
                    (true, true) => (length, None),
                    (true, false) => (length.saturating_add(1), None),
                    (false, true) => (0, Some(length)),
                    (false, false) if length == 0 => return Ok(Some(Forms::default())),
                    (false, false) => (0, Some(length - 1)),
                };
                let texts = Pattern::set(any_char()).repeat(min, max);
                let strings = vec![Strings { texts, length_only: true }];
                if positive {
                    Forms { strings, ..Forms::all() }
                } else {
                    Forms { strings, ..Forms::default() }
                }
            }
            "pattern" => {
                let Value::String(pattern) = value else {
                    return Err(invalid(&path, "`pattern` is a string"));
                };
                let texts = search(pattern, &path)?;
                let strings = vec![Strings { texts, length_only: false }];
                self.simple(Forms { strings, ..Forms::all() }, node, positive)?
            }
            "format" => {
                let Some(texts) = value.as_str().and_then(format::texts) else { return Ok(None) };
                let texts = texts.map_err(|error| error.at(path))?;
                let strings = vec![Strings { texts, length_only: false }];
                self.simple(Forms { strings, ..Forms::all() }, node, positive)?
            }
            "$ref" => {
                let Value::String(reference) = value else {
                    return Err(invalid(&path, "`$ref` is a string"));
                };
                let target = self.sources.reference(node, reference)?;
                (*self.forms(&Goal::of_term((target, positive)))?).clone()
            }
            "allOf" | "anyOf" | "oneOf" => {
                let parts = self.list(node, keyword, value)?;
                match (keyword, positive) {
                    ("allOf", true) | ("anyOf", false) => self.each(&parts, positive, &path)?,
                    ("oneOf", _) => self.exactly_one(&parts, positive, &path)?,
                    _ => self.some_of(&parts, positive)?,
                }
            }
            "not" => {
                let inner = self.sources.child(node, &["not"])?;
                (*self.forms(&Goal::of_term((inner, !positive)))?).clone()
            }
            "if" if sibling("then").is_some() || sibling("else").is_some() => {
                let condition = self.sources.child(node, &["if"])?;
                let mut out = Forms::default();
                for (branch, holds) in [("then", true), ("else", false)] {
                    let mut goal = Goal::of_term((condition, holds));
                    if sibling(branch).is_some() {
                        let branch = self.sources.child(node, &[branch])?;
                        goal = goal.and(&Goal::of_term((branch, positive)));
                    } else if !positive {
                        continue;
                    }
                    out = out.union((*self.forms(&goal)?).clone());
                }
                out
            }
            "items" | "prefixItems" | "additionalItems" | "minItems" | "maxItems" | "contains"
            | "uniqueItems" => {
                let Some(arrays) = self.array_keyword(node, keyword, value, positive)? else {
                    return Ok(None);
                };
                let others = if positive { Forms::all() } else { Forms::default() };
                Forms { arrays, ..others }
            }
            "properties"
            | "patternProperties"
            | "additionalProperties"
            | "propertyNames"
            | "required"
            | "minProperties"
            | "maxProperties"
            | "dependentRequired"
            | "dependentSchemas"
            | "dependencies" => {
                let Some(objects) = self.object_keyword(node, keyword, value, positive)? else {
                    return Ok(None);
                };
                let others = if positive { Forms::all() } else { Forms::default() };
                Forms { objects, ..others }
            }
            "unevaluatedItems" | "unevaluatedProperties" if !is_anything(value) => {
                return Err(unsupported(&path, format!("`{keyword}` is not supported")));
            }
            "$dynamicRef" | "$recursiveRef" => {
                return Err(unsupported(&path, format!("`{keyword}` is not supported; use `$ref`")));
            }
            "contentEncoding" | "contentMediaType" if self.sources.draft == Draft::Draft7 => {
                return Err(unsupported(&path, format!("`{keyword}` of draft 7 is not supported")));
            }
            "$schema" if sibling("$schema") != self.sources.dialect() => {
                return Err(unsupported(&path, "a part in another dialect is not supported"));
            }
            _ => return Ok(None),
        }))
    }

    /// A set without conditions on the parts of arrays and objects, or its complement.
    fn simple(&mut self, forms: Forms, node: Node, positive: bool) -> Result<Forms, ConstraintError> {
        if positive { Ok(forms) } else { self.complement(forms, node) }
    }

    /// The subschemas of a list.
    pub fn list(&mut self, node: Node, keyword: &str, value: &Value) -> Result<Vec<Node>, ConstraintError> {
        let path = format!("{}/{keyword}", self.sources.get(node).path);
        match value {
            Value::Array(list) if !list.is_empty() => (0..list.len())
                .map(|index| self.sources.child(node, &[keyword, &index.to_string()]))
                .collect(),
            _ => Err(invalid(&path, format!("`{keyword}` is a list of schemas"))),
        }
    }

    fn each(&mut self, parts: &[Node], positive: bool, path: &str) -> Result<Forms, ConstraintError> {
        let mut out = Forms::all();
        for &part in parts {
            let forms = self.forms(&Goal::of_term((part, positive)))?;
            out = self.both(&out, &forms, path)?;
        }
        Ok(out)
    }

    fn some_of(&mut self, parts: &[Node], positive: bool) -> Result<Forms, ConstraintError> {
        let mut out = Forms::default();
        for &part in parts {
            let forms = self.forms(&Goal::of_term((part, positive)))?;
            limits::spend(forms.len() + forms.literals.len())?;
            out = out.union((*forms).clone());
        }
        Ok(out)
    }

    fn exactly_one(&mut self, parts: &[Node], positive: bool, path: &str) -> Result<Forms, ConstraintError> {
        if parts.len() > 40 {
            return Err(too_complex(path, "`oneOf` with more than 40 alternatives; use `anyOf`"));
        }
        let mut overlaps = Vec::new();
        for (at, &a) in parts.iter().enumerate() {
            for &b in &parts[at + 1..] {
                let common = Goal::of(a).and(&Goal::of(b));
                if !self.is_empty(&common, 0)? {
                    overlaps.push((a, b));
                }
            }
        }
        let mut out = Forms::default();
        if !positive {
            out = self.each(parts, false, path)?;
            for (a, b) in overlaps {
                out = out.union((*self.forms(&Goal::of(a).and(&Goal::of(b)))?).clone());
            }
            return Ok(out);
        }
        for &part in parts {
            let mut goal = Goal::of(part);
            for &(a, b) in overlaps.iter().filter(|(a, b)| *a == part || *b == part) {
                goal = goal.and(&Goal::not(if a == part { b } else { a }));
            }
            out = out.union((*self.forms(&goal)?).clone());
        }
        Ok(out)
    }
}

/// Whether a schema allows everything.
pub fn is_anything(schema: &Value) -> bool {
    schema.as_bool() == Some(true) || schema.as_object().is_some_and(serde_json::Map::is_empty)
}

/// A count: an integer that is not negative.
pub fn count(value: &Value, path: &str) -> Result<u32, ConstraintError> {
    let count = value.as_f64().filter(|count| *count >= 0.0 && count.fract() == 0.0);
    let count = count.ok_or_else(|| invalid(path, "a count is an integer that is not negative"))?;
    if count > 1e9 {
        return Err(too_complex(path, "a count is at most 10^9"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an integer between 0 and 10^9"
    )]
    Ok(count as u32)
}

/// The texts in which the expression of a schema is found.
pub fn search(pattern: &str, path: &str) -> Result<Pattern, ConstraintError> {
    javascript::search(pattern, Flags::SCHEMA).map_err(|error| error.at(path))
}

fn literals(values: &[Value]) -> Forms {
    let mut out = Forms::default();
    if values.len() < 200 {
        for value in values {
            if !out.literals.iter().any(|known| super::holds::equal(known, value)) {
                out.literals.push(value.clone());
            }
        }
    } else {
        // Equal values in a long list only take room.
        out.literals = values.to_vec();
    }
    out
}

fn types(value: &Value, path: &str) -> Result<Forms, ConstraintError> {
    let names: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    let mut out = Forms::default();
    for name in names {
        match name.as_str() {
            Some("null") => out.null = true,
            Some("boolean") => (out.falsehood, out.truth) = (true, true),
            Some("number") => out.numbers = vec![Numbers::all()],
            Some("integer") if out.numbers.is_empty() => out.numbers = vec![Numbers::integers()],
            Some("integer") => {}
            Some("string") => out.strings = Forms::all().strings,
            Some("array") => out.arrays = vec![Array::default()],
            Some("object") => out.objects = vec![Object::default()],
            _ => {
                let known = "null, boolean, number, integer, string, array, object";
                return Err(invalid(path, format!("{name} is not a type; the types are {known}")));
            }
        }
    }
    Ok(out)
}

/// A name from a schema.
pub fn name(value: &Value, path: &str) -> Result<Rc<str>, ConstraintError> {
    value.as_str().map(Into::into).ok_or_else(|| invalid(path, "the name of a property is a string"))
}
