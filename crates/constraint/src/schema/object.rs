//! The keywords of objects.

use std::rc::Rc;

use linnet_text::ConstraintError;
use serde_json::{Map, Value};

use super::algebra::Compiler;
use super::forms::{Goal, Names, Object};
use super::keywords::{count, name, search};
use super::sources::Node;
use super::{invalid, unsupported};
use crate::limits;
use crate::pattern::Pattern;

impl Compiler {
    /// The objects that a keyword allows, or (not `positive`) forbids. `None` if it limits nothing.
    ///
    /// # Errors
    /// If it is malformed or cannot be enforced.
    pub fn object_keyword(
        &mut self,
        node: Node,
        keyword: &str,
        value: &Value,
        positive: bool,
    ) -> Result<Option<Vec<Object>>, ConstraintError> {
        let path = format!("{}/{keyword}", self.sources.get(node).path);
        let map = || value.as_object().ok_or_else(|| invalid(&path, format!("`{keyword}` is an object")));
        let size = |min, max| vec![Object { min, max, ..Object::default() }];
        Ok(Some(match keyword {
            "minProperties" => match (count(value, &path)?, positive) {
                (min, true) => size(min, None),
                (0, false) => Vec::new(),
                (min, false) => size(0, Some(min - 1)),
            },
            "maxProperties" => match (count(value, &path)?, positive) {
                (max, true) => size(0, Some(max)),
                (max, false) => size(max + 1, None),
            },
            "required" => {
                let Value::Array(names) = value else {
                    return Err(invalid(&path, "`required` is a list of names"));
                };
                let names: Vec<Rc<str>> = names.iter().map(|it| name(it, &path)).collect::<Result<_, _>>()?;
                spend_on_names(names.len())?;
                if positive {
                    vec![requiring(&names)]
                } else {
                    names.iter().map(|it| Object::without(it)).collect()
                }
            }
            "properties" => {
                spend_on_names(map()?.len())?;
                let mut all = Object::default();
                let mut wrong = Vec::new();
                for key in map()?.keys() {
                    let inner = self.sources.child(node, &["properties", key])?;
                    all.name(key);
                    all.rules.push((Names::One(key.as_str().into()), Goal::of(inner)));
                    wrong.push(Object::with(key, Goal::not(inner)));
                }
                if positive { vec![all] } else { wrong }
            }
            "patternProperties" => {
                let mut rules = Vec::new();
                for pattern in map()?.keys() {
                    let inner = self.sources.child(node, &["patternProperties", pattern])?;
                    rules.push((Names::Of(search(pattern, &path)?), Goal::of_term((inner, positive))));
                }
                following(rules, positive)
            }
            "additionalProperties" => {
                let inner = self.sources.child(node, &["additionalProperties"])?;
                let names = self.additional(node)?;
                following(vec![(names, Goal::of_term((inner, positive)))], positive)
            }
            "propertyNames" => {
                let inner = self.sources.child(node, &["propertyNames"])?;
                let forms = self.forms(&Goal::of(inner))?;
                let literals = forms.literals.iter().filter_map(Value::as_str).map(Pattern::literal);
                let texts = forms.strings.iter().map(|strings| strings.texts.clone());
                let others = Pattern::or(literals.chain(texts)).complement();
                if others == Pattern::Never {
                    return Ok((!positive).then(Vec::new));
                }
                let value = if positive { Goal::nothing() } else { Goal::default() };
                following(vec![(Names::Of(others), value)], positive)
            }
            _ => return self.dependencies(node, keyword, map()?, positive),
        }))
    }

    /// The names that `additionalProperties` is about.
    fn additional(&mut self, node: Node) -> Result<Names, ConstraintError> {
        let source = self.sources.get(node).clone();
        let keys = |keyword: &str| -> Vec<&String> {
            source
                .schema
                .get(keyword)
                .and_then(Value::as_object)
                .map(|map| map.keys().collect())
                .unwrap_or_default()
        };
        let named: Vec<Rc<str>> = keys("properties").into_iter().map(|key| key.as_str().into()).collect();
        let patterns = keys("patternProperties");
        if patterns.is_empty() {
            return Ok(Names::Except(named));
        }
        let mut known: Vec<Pattern> = named.iter().map(|key| Pattern::literal(key)).collect();
        for pattern in patterns {
            known.push(search(pattern, &format!("{}/patternProperties", source.path))?);
        }
        Ok(Names::Of(Pattern::or(known).complement()))
    }

    /// `dependentRequired`, `dependentSchemas`, and `dependencies`, which is either.
    fn dependencies(
        &mut self,
        node: Node,
        keyword: &str,
        map: &Map<String, Value>,
        positive: bool,
    ) -> Result<Option<Vec<Object>>, ConstraintError> {
        let path = format!("{}/{keyword}", self.sources.get(node).path);
        let mut all = vec![Object::default()];
        let mut wrong = Vec::new();
        for (key, value) in map {
            let (right, others): (Vec<Object>, Vec<Object>) = if let Value::Array(names) = value {
                let names: Vec<Rc<str>> = names.iter().map(|it| name(it, &path)).collect::<Result<_, _>>()?;
                (vec![requiring(&names)], names.iter().map(|it| Object::without(it)).collect())
            } else {
                let inner = self.sources.child(node, &[keyword, key])?;
                let right = self.forms(&Goal::of_term((inner, true)))?.objects.clone();
                let others =
                    if positive { Vec::new() } else { self.forms(&Goal::not(inner))?.objects.clone() };
                (right, others)
            };
            let mut with_key = Object::default();
            with_key.require(key);
            let then: Vec<Object> = right.iter().map(|object| with_key.and(object)).collect();
            let either: Vec<Object> = [Object::without(key)].into_iter().chain(then).collect();
            let size = |objects: &[Object]| objects.iter().map(Object::size).sum::<usize>();
            limits::spend(size(&all) * either.len() + size(&either) * all.len())?;
            all = all.iter().flat_map(|a| either.iter().map(|b| a.and(b)).collect::<Vec<_>>()).collect();
            wrong.extend(others.iter().map(|object| with_key.and(object)));
            if all.len() > 200 {
                return Err(unsupported(&path, "these are too many dependencies"));
            }
        }
        Ok(Some(if positive { all } else { wrong }))
    }
}

/// Counts the work to compare names with one another.
fn spend_on_names(count: usize) -> Result<(), ConstraintError> {
    limits::spend(count * count / 64)
}

/// Objects all of whose properties follow the rules, or (not `positive`) that have one that one of them names.
fn following(rules: Vec<(Names, Goal)>, positive: bool) -> Vec<Object> {
    if positive {
        return vec![Object { rules, ..Object::default() }];
    }
    rules.into_iter().map(|rule| Object { some: vec![rule], ..Object::default() }).collect()
}

fn requiring(names: &[Rc<str>]) -> Object {
    let mut object = Object::default();
    names.iter().for_each(|name| object.require(name));
    object
}
