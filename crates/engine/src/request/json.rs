//! Parses a request from JSON and reports errors by path.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{
    self, Object, boolean, count, list, nothing_else, number, object, one_of, one_of_names, required, set,
    text, whole,
};
use super::path::Path;
use super::template_options::{documents, variables};
use super::tools::{tool, tool_choice};
use super::{Content, Message, Prompt, ReasoningEffort, Request, Role, ToolCall};
use crate::Error;

pub(super) fn request(fields: Object) -> Result<Request, Error> {
    let mut request = Request::default();
    for (field, value) in set(fields) {
        let path = &Path::of(&field);
        match field.as_str() {
            "messages" => request.messages = Some(list(path, value, "an array of messages", message)?),
            "tools" => request.tools = list(path, value, "an array of tools", tool)?,
            "tool_choice" => request.tool_choice = tool_choice(path, value)?,
            "parallel_tool_calls" => request.parallel_tool_calls = Some(boolean(path, &value)?),
            "documents" => request.documents = documents(path, value)?,
            "chat_template_kwargs" => request.chat_template_kwargs = variables(path, value)?,
            "reasoning_effort" => {
                let effort = one_of(path, &value, ReasoningEffort::ALL, ReasoningEffort::name)?;
                request.reasoning_effort = Some(effort);
            }
            "enable_thinking" => request.enable_thinking = Some(boolean(path, &value)?),
            "add_generation_prompt" => request.add_generation_prompt = Some(boolean(path, &value)?),
            "prompt" => request.prompt = Some(prompt(path, value)?),
            "max_tokens" => request.max_tokens = Some(count(path, &value)?),
            "seed" => request.sampling.seed = Some(whole(path, &value)?),
            "logit_bias" => request.logit_bias = logit_bias(path, value)?,
            "logprobs" => request.logprobs = Some(count(path, &value)?),
            "show_schema" => request.show_schema = Some(boolean(path, &value)?),
            "stop" => request.stop = stop(path, value)?,
            "ignore_eos" => request.ignore_eos = boolean(path, &value)?,
            _ if request.sampling.read(path, &field, &value)? => {}
            _ if request.read_form(path, &field, &value)? => {}
            _ => return Err(path.invalid("is not supported")),
        }
    }
    Ok(request)
}

fn message(path: &Path<'_>, value: Value) -> Result<Message, Error> {
    let mut fields = object(path, value, "a message, which is an object with `role` and `content`")?;
    let role = role(&path.field("role"), fields.get("role"))?;
    let mut message = Message { content: None, ..Message::new(role, "") };
    let (mut refusal, mut reasoning) = (None, None);
    // It may be missing if there are tool calls, which come later.
    let found = if fields.contains_key("content") { "is null" } else { "is missing" };
    fields.remove("role");
    for (field, value) in set(fields) {
        let path = &path.field(&field);
        match field.as_str() {
            "content" => message.content = Some(content(path, value)?),
            "name" => message.name = Some(text(path, value)?),
            "reasoning_content" => message.reasoning_content = Some(text(path, value)?),
            // The same under the name that other servers use.
            "reasoning" => reasoning = Some(text(path, value)?),
            "tool_calls" => message.tool_calls = list(path, value, "an array of tool calls", tool_call)?,
            "tool_call_id" => message.tool_call_id = Some(text(path, value)?),
            // Fields that OpenAI's client sends back with an answer: a refusal is the assistant's text, ...
            "refusal" => refusal = Some(text(path, value)?),
            // ... and these are not part of the prompt.
            "id" => drop(text(path, value)?),
            "annotations" => drop(list(path, value, "an array", |_, _| Ok(()))?),
            "parsed" => {}
            _ => return Err(path.invalid("is not supported")),
        }
    }
    if !message.tool_calls.is_empty() && role != Role::Assistant {
        let reason = format!("is allowed only in messages of the assistant; this one's role is {role}");
        return Err(path.field("tool_calls").invalid(reason));
    }
    message.reasoning_content = message.reasoning_content.or(reasoning);
    if message.content.is_none() {
        message.content = refusal.filter(|_| role == Role::Assistant).map(Content::Text);
    }
    if message.content.is_none() && message.tool_calls.is_empty() {
        let reason = format!("{found}, but must be {CONTENT}");
        return Err(path.field("content").invalid(reason));
    }
    Ok(message)
}

const CONTENT: &str = "a string or an array of parts with `type` \"text\"";

fn content(path: &Path<'_>, value: Value) -> Result<Content, Error> {
    match value {
        Value::String(text) => Ok(Content::Text(text)),
        Value::Array(_) => Ok(Content::Parts(list(path, value, CONTENT, part)?)),
        other => Err(path.expected(&other, CONTENT)),
    }
}

fn part(path: &Path<'_>, value: Value) -> Result<String, Error> {
    let mut fields = object(path, value, "a part, which is an object with `type` and `text`")?;
    match fields.remove("type") {
        Some(Value::String(kind)) if kind == "text" => {}
        Some(other) => {
            return Err(path.field("type").expected(
                &other,
                "\"text\": models read text only here; leave out images, audio and files",
            ));
        }
        None => return Err(path.field("type").invalid("is missing, but must be \"text\"")),
    }
    let said = required(path, &mut fields, "text", "a string")?;
    nothing_else(path, fields)?;
    text(&path.field("text"), said)
}

fn role(path: &Path<'_>, value: Option<&Value>) -> Result<Role, Error> {
    let found = value.ok_or_else(|| path.missing(&one_of_names(Role::ALL, Role::name)))?;
    one_of(path, found, Role::ALL, Role::name)
}

fn tool_call(path: &Path<'_>, value: Value) -> Result<ToolCall, Error> {
    let mut fields = object(path, value, "a tool call, which is an object with `function`")?;
    // Merged from the chunks of a stream.
    fields.remove("index");
    match fields.remove("type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind == "function" => {}
        Some(other) => return Err(path.field("type").expected(&other, "\"function\"")),
    }
    let id = match fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(id) => Some(text(&path.field("id"), id)?),
    };
    let called = required(path, &mut fields, "function", "an object with `name` and `arguments`")?;
    nothing_else(path, fields)?;
    let path = &path.field("function");
    let mut fields = object(path, called, "an object with `name` and `arguments`")?;
    fields.remove("parsed_arguments");
    let name = required(path, &mut fields, "name", "a string")?;
    let name = text(&path.field("name"), name)?;
    let arguments = match required(path, &mut fields, "arguments", "a string of JSON")? {
        arguments @ (Value::Object(_) | Value::String(_)) => arguments,
        other => return Err(path.field("arguments").expected(&other, "a string of JSON")),
    };
    nothing_else(path, fields)?;
    Ok(ToolCall { id, name, arguments })
}

fn prompt(path: &Path<'_>, value: Value) -> Result<Prompt, Error> {
    const ALLOWED: &str = "a string or an array of token ids";
    match value {
        Value::String(text) => Ok(Prompt::Text(text)),
        Value::Array(_) => Ok(Prompt::Tokens(list(path, value, ALLOWED, |path, token| {
            let id = fields::as_whole(&token).and_then(|id| u32::try_from(id).ok());
            id.ok_or_else(|| path.expected(&token, "a token id, which is a whole number"))
        })?)),
        other => Err(path.expected(&other, ALLOWED)),
    }
}

fn stop(path: &Path<'_>, value: Value) -> Result<Vec<String>, Error> {
    match value {
        Value::String(text) => Ok(vec![text]),
        value => list(path, value, "a string or an array of strings", text),
    }
}

fn logit_bias(path: &Path<'_>, value: Value) -> Result<BTreeMap<u32, f32>, Error> {
    let entries = object(path, value, "an object of token ids and numbers")?;
    let biased = entries.into_iter().map(|(token, bias)| {
        let path = path.field(&token);
        // Only digits, at most as many as a token id has.
        let digits = token.len() < 10 && token.bytes().all(|b| b.is_ascii_digit());
        match token.parse() {
            Ok(id) if digits => Ok((id, number(&path, &bias)?)),
            _ => Err(path.invalid("has a name that is not a token id (a whole number)")),
        }
    });
    biased.collect()
}
