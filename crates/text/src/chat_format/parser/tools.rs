//! The request's tools: their names and the types of their parameters.

use serde_json::Value;

/// How the text of a tagged argument becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArgumentType {
    /// A string; shown while it is written.
    String,
    /// An object or an array; shown while it is written if it begins like one.
    Container,
    /// JSON if it is valid, else a string.
    Json,
}

/// Names and parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Tools(Vec<(String, Value)>);

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

    pub(super) fn argument(&self, name: &str, key: &str) -> ArgumentType {
        let Some((_, parameters)) = self.0.iter().find(|(known, _)| known == name) else {
            return ArgumentType::Json;
        };
        let schema = parameters.get("properties").and_then(|properties| properties.get(key));
        schema.map_or(ArgumentType::Json, |schema| of_schema(schema, parameters))
    }
}

fn of_schema(schema: &Value, root: &Value) -> ArgumentType {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(path) => root.pointer(path.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    };
    let of_type = |name: &Value| match name.as_str() {
        Some("string") => ArgumentType::String,
        Some("object" | "array") => ArgumentType::Container,
        _ => ArgumentType::Json,
    };
    match schema.get("type") {
        Some(name @ Value::String(_)) => of_type(name),
        Some(Value::Array(names)) if names.len() == 1 => of_type(&names[0]),
        Some(_) => ArgumentType::Json,
        None => {
            let values = schema.get("enum").and_then(Value::as_array);
            let mut values = values.into_iter().flatten().chain(schema.get("const")).peekable();
            let all_strings = values.peek().is_some() && values.all(Value::is_string);
            if all_strings { ArgumentType::String } else { ArgumentType::Json }
        }
    }
}
