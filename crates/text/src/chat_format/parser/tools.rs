//! The request's tools, and the types of their arguments.

use std::sync::Arc;

use serde_json::Value;

/// How the text of a tagged argument becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat_format) enum ArgumentType {
    /// A string; shown while it is written.
    String,
    /// A string, but for exactly `null`.
    StringOrNull,
    /// An object or an array; shown while it is written if it begins like one.
    Container,
    /// JSON if it is valid, else a string.
    Json,
}

/// The request's tools: their names and parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools(Arc<[(String, Value)]>);

impl Tools {
    /// Reads `[{"type": "function", "function": {"name": ..., "parameters": ...}}]`; the inner objects may
    /// also be given alone.
    pub(super) fn new(tools: Option<&Value>) -> Self {
        let tools = tools.and_then(Value::as_array).into_iter().flatten();
        Self(
            tools
                .filter_map(|tool| {
                    let function = tool.get("function").unwrap_or(tool);
                    let parameters = function.get("parameters").cloned().unwrap_or(Value::Null);
                    Some((function.get("name")?.as_str()?.to_owned(), parameters))
                })
                .collect(),
        )
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Whether a tool's name begins with this text.
    pub(super) fn any_begins(&self, text: &str) -> bool {
        self.0.iter().any(|(known, _)| known.starts_with(text))
    }

    /// The keys of a tool's arguments.
    pub(super) fn keys(&self, name: &str) -> impl Iterator<Item = &String> {
        let tool = self.0.iter().find(|(known, _)| known == name);
        let properties = tool.and_then(|(_, parameters)| parameters.get("properties")?.as_object());
        properties.into_iter().flat_map(serde_json::Map::keys)
    }

    pub(super) fn argument(&self, name: &str, key: &str) -> ArgumentType {
        let tool = self.0.iter().find(|(known, _)| known == name);
        let root = tool.map_or(&Value::Null, |(_, parameters)| parameters);
        self.schema(name, key).map_or(ArgumentType::Json, |schema| of_schema(schema, root))
    }

    /// The schema of an argument.
    pub(super) fn schema(&self, name: &str, key: &str) -> Option<&Value> {
        let (_, parameters) = self.0.iter().find(|(known, _)| known == name)?;
        parameters.get("properties")?.get(key)
    }
}

/// Most schemas that are read for one argument; references may go round.
const MAX_SCHEMAS: usize = 64;

/// How a value of this schema becomes JSON; `root` is what references in it are relative to.
pub(in crate::chat_format) fn of_schema(schema: &Value, root: &Value) -> ArgumentType {
    let mut types = Vec::new();
    let mut left = MAX_SCHEMAS;
    add_types(schema, root, &mut left, &mut types);
    let only = |allowed: &[&str]| types.iter().all(|name| allowed.contains(name));
    match () {
        () if types.is_empty() => ArgumentType::Json,
        () if only(&["string"]) => ArgumentType::String,
        () if only(&["object", "array", "null"]) => ArgumentType::Container,
        () if only(&["string", "null"]) => ArgumentType::StringOrNull,
        () => ArgumentType::Json,
    }
}

/// Adds the names of the types that a schema allows; `any` if it does not say.
fn add_types<'s>(schema: &'s Value, root: &'s Value, left: &mut usize, types: &mut Vec<&'s str>) {
    const ANY: &str = "any";
    let Some(rest) = left.checked_sub(1) else { return types.push(ANY) };
    *left = rest;
    let list = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let before = types.len();
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        match root.pointer(target.trim_start_matches('#')) {
            Some(target) => add_types(target, root, left, types),
            None => types.push(ANY),
        }
    } else if let Some(names) = schema.get("type") {
        let names = names.as_array().map_or(std::slice::from_ref(names), Vec::as_slice);
        types.extend(names.iter().map(|name| name.as_str().unwrap_or(ANY)));
    } else if list("anyOf").chain(list("oneOf")).next().is_some() {
        list("anyOf").chain(list("oneOf")).for_each(|one| add_types(one, root, left, types));
    } else {
        // The first part that says it.
        for part in list("allOf") {
            types.truncate(before);
            add_types(part, root, left, types);
            if !types[before..].contains(&ANY) {
                break;
            }
        }
        for value in list("enum").chain(schema.get("const")) {
            types.push(name_of_type(value));
        }
    }
    if types.len() == before {
        types.push(ANY);
    }
    // As in OpenAPI.
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        types.push("null");
    }
}

fn name_of_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Null => "null",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Bool(_) | Value::Number(_) => "number",
    }
}
