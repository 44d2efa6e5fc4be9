//! The tools of a request, and which of them the model may call.

use linnet_text::CalledTool;
use serde_json::{Value, json};

use super::fields::{Object, boolean, list, nothing_else, object, one_of, required as field_of, text};
use super::path::Path;
use super::{Request, at_most};
use crate::Error;

/// A function that the model may call, in OpenAI's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    name: String,
    definition: Value,
    /// Whether calls must fit the parameters' schema; `None` if that is not said.
    strict: Option<bool>,
}

impl Tool {
    /// Maximum length of a name in characters.
    pub const MAX_NAME: usize = 128;

    /// A tool from `{"type": "function", "function": {"name": ..., "description": ..., "parameters": ...}}`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with the path of the first missing, unknown or invalid field.
    pub fn new(definition: Value) -> Result<Self, Error> {
        tool(&Path::of("tool"), definition)
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole definition, as it was given.
    pub fn definition(&self) -> &Value {
        &self.definition
    }

    /// The schema of the arguments, which are an object. A function without parameters has no arguments.
    fn parameters(&self) -> Value {
        match self.definition["function"].get("parameters") {
            Some(Value::Object(schema)) => {
                let mut schema = schema.clone();
                schema.entry("type").or_insert_with(|| "object".into());
                schema.into()
            }
            _ => json!({ "type": "object", "additionalProperties": false }),
        }
    }
}

/// A schema of objects with the same properties. Only their types matter.
fn loose(parameters: &Value) -> Value {
    let properties = parameters.get("properties").and_then(Value::as_object);
    let of_type = |schema: &Value| match schema.get("type") {
        Some(name @ Value::String(_)) => json!({ "type": name }),
        _ => json!({}),
    };
    let properties = properties.into_iter().flatten().map(|(name, schema)| (name.clone(), of_type(schema)));
    json!({ "type": "object", "properties": properties.collect::<serde_json::Map<_, _>>() })
}

/// Which tools the model may call.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// No tool: the prompt does not show them.
    None,
    /// At least one tool.
    Required,
    /// The function with this name. The prompt shows only this one.
    Function(String),
    /// Some of the tools. The prompt shows only these.
    Allowed {
        /// Whether the model must call one of them.
        required: bool,
        /// Their names.
        names: Vec<String>,
    },
}

impl ToolChoice {
    fn shows(&self, tool: &Tool) -> bool {
        match self {
            ToolChoice::Auto | ToolChoice::Required => true,
            ToolChoice::None => false,
            ToolChoice::Function(name) => tool.name == *name,
            ToolChoice::Allowed { names, .. } => names.contains(&tool.name),
        }
    }

    /// The names that must be those of tools, and their paths.
    fn names(&self) -> Vec<(String, &str)> {
        match self {
            ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => Vec::new(),
            ToolChoice::Function(name) => vec![("tool_choice.function.name".to_owned(), name)],
            ToolChoice::Allowed { names, .. } => {
                let path = |index| format!("tool_choice.allowed_tools.tools[{index}].function.name");
                names.iter().enumerate().map(|(index, name)| (path(index), name.as_str())).collect()
            }
        }
    }
}

impl Request {
    /// The tools that the prompt shows.
    pub(crate) fn shown_tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter().filter(|tool| self.tool_choice.shows(tool))
    }

    /// If the answer must call a tool: the name of the tool, if there is only one.
    pub(crate) fn required_call(&self) -> Option<Option<&str>> {
        let is_required = match &self.tool_choice {
            ToolChoice::Required | ToolChoice::Function(_) => true,
            ToolChoice::Allowed { required, .. } => *required,
            ToolChoice::Auto | ToolChoice::None => false,
        };
        let mut shown = self.shown_tools();
        is_required.then(|| match (shown.next(), shown.next()) {
            (Some(only), None) => Some(only.name.as_str()),
            _ => None,
        })
    }

    /// Whether calls must fit the tools' schemas: if the answer must call one, or if one is strict.
    pub(crate) fn holds_calls(&self) -> bool {
        self.required_call().is_some() || self.has_strict_tools()
    }

    /// The tools to which calls are held.
    pub(crate) fn held_tools(&self) -> Vec<CalledTool> {
        let is_required = self.required_call().is_some();
        let all = self.tools.iter().enumerate().filter(|(_, tool)| self.tool_choice.shows(tool));
        let held = all.map(|(index, tool)| {
            let parameters = tool.parameters();
            let is_strict = tool.strict.unwrap_or(is_required);
            CalledTool {
                name: tool.name.clone(),
                parameters: if is_strict { parameters } else { loose(&parameters) },
                path: format!("/{index}/function/parameters"),
            }
        });
        held.collect()
    }

    /// Whether a tool that the prompt shows is strict.
    pub(crate) fn has_strict_tools(&self) -> bool {
        self.shown_tools().any(|tool| tool.strict == Some(true))
    }

    /// Checks the number of tools, and that the names are clear.
    pub(super) fn check_tools(&self) -> Result<(), Error> {
        at_most("tools", "tools", self.tools.len(), Self::MAX_TOOLS)?;
        for (index, tool) in self.tools.iter().enumerate() {
            if self.tools[..index].iter().any(|earlier| earlier.name == tool.name) {
                let reason = format!("is {:?}, which is the name of an earlier tool", tool.name);
                return Err(Error::invalid(&format!("tools[{index}].function.name"), reason));
            }
        }
        if self.tools.is_empty() && !matches!(self.tool_choice, ToolChoice::Auto | ToolChoice::None) {
            return Err(Error::invalid("tool_choice", "asks for a call, but there are no `tools`"));
        }
        for (field, name) in self.tool_choice.names() {
            if !self.tools.iter().any(|tool| tool.name == name) {
                return Err(Error::invalid_value(&field, name, "is not the name of one of the `tools`"));
            }
        }
        Ok(())
    }
}

pub(super) fn tool(path: &Path<'_>, value: Value) -> Result<Tool, Error> {
    const SHAPE: &str = "an object with `name`";
    let definition = value.clone();
    let mut fields = object(path, value, "a tool, which is an object with `type` and `function`")?;
    is_function(path, &mut fields)?;
    let function = field_of(path, &mut fields, "function", SHAPE)?;
    nothing_else(path, fields)?;
    let path = &path.field("function");
    let mut fields = object(path, function, SHAPE)?;
    let name = named(path, &mut fields)?;
    let mut strict = None;
    for (field, value) in fields {
        let path = path.field(&field);
        match field.as_str() {
            _ if value.is_null() => {}
            "description" => drop(text(&path, value)?),
            "strict" => strict = Some(boolean(&path, &value)?),
            // `response` and `return` are what Gemma's and Mistral's templates know.
            "parameters" | "response" | "return" => drop(object(&path, value, "a JSON schema")?),
            _ => return Err(path.invalid("is not supported")),
        }
    }
    Ok(Tool { name, definition, strict })
}

fn is_function(path: &Path<'_>, fields: &mut Object) -> Result<(), Error> {
    match field_of(path, fields, "type", "\"function\"")? {
        Value::String(kind) if kind == "function" => Ok(()),
        other => Err(path.field("type").expected(&other, "\"function\"")),
    }
}

/// The name of a function. Formats of tool calls write it between marks, so it has no spaces or brackets.
fn named(path: &Path<'_>, fields: &mut Object) -> Result<String, Error> {
    const ALLOWED: &str = "a name of 1 to 128 letters, digits and `_`, `-`, `.`, `/`";
    let value = field_of(path, fields, "name", ALLOWED)?;
    let is_name = |name: &str| {
        let fits = (1..=Tool::MAX_NAME).contains(&name.len());
        fits && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b))
    };
    match value {
        Value::String(name) if is_name(&name) => Ok(name),
        other => Err(path.field("name").expected(&other, ALLOWED)),
    }
}

pub(super) fn tool_choice(path: &Path<'_>, value: Value) -> Result<ToolChoice, Error> {
    const ALLOWED: &str = "\"none\", \"auto\", \"required\" or an object with the name of a tool";
    let mut fields = match value {
        Value::String(choice) => {
            return match choice.as_str() {
                "none" => Ok(ToolChoice::None),
                "auto" => Ok(ToolChoice::Auto),
                "required" => Ok(ToolChoice::Required),
                _ => Err(path.expected(&Value::String(choice), ALLOWED)),
            };
        }
        value => object(path, value, ALLOWED)?,
    };
    match fields.get("type").and_then(Value::as_str) {
        Some("allowed_tools") => {
            fields.remove("type");
            let allowed = allowed_tools(path, &mut fields)?;
            nothing_else(path, fields)?;
            Ok(allowed)
        }
        _ => function_name(path, fields).map(ToolChoice::Function),
    }
}

/// `{"mode": "auto", "tools": [{"type": "function", "function": {"name": ...}}]}`
fn allowed_tools(path: &Path<'_>, fields: &mut Object) -> Result<ToolChoice, Error> {
    const SHAPE: &str = "an object with `mode` and `tools`";
    let allowed = field_of(path, fields, "allowed_tools", SHAPE)?;
    let path = &path.field("allowed_tools");
    let mut fields = object(path, allowed, SHAPE)?;
    let name = |required| if required { "required" } else { "auto" };
    let required = match fields.remove("mode") {
        None | Some(Value::Null) => false,
        Some(mode) => one_of(&path.field("mode"), &mode, [false, true], name)?,
    };
    let tools = field_of(path, &mut fields, "tools", "an array of tools")?;
    let names = list(&path.field("tools"), tools, "an array of tools", |path, value| {
        function_name(path, object(path, value, "an object with `type` and `function`")?)
    })?;
    if names.is_empty() {
        return Err(path.field("tools").invalid("is empty; give at least one tool"));
    }
    at_most(&path.field("tools").to_string(), "tools", names.len(), Request::MAX_TOOLS)?;
    nothing_else(path, fields)?;
    Ok(ToolChoice::Allowed { required, names })
}

/// `{"type": "function", "function": {"name": ...}}`
fn function_name(path: &Path<'_>, mut fields: Object) -> Result<String, Error> {
    is_function(path, &mut fields)?;
    let function = field_of(path, &mut fields, "function", "an object with `name`")?;
    nothing_else(path, fields)?;
    let path = &path.field("function");
    let mut fields = object(path, function, "an object with `name`")?;
    let name = field_of(path, &mut fields, "name", "the name of a tool")?;
    nothing_else(path, fields)?;
    text(&path.field("name"), name)
}
