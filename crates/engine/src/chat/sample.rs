//! Conversations that show what a template writes around texts.

use serde_json::json;

use super::calls::SHORT;
use super::probe::PROBE;
use crate::Request;

/// A conversation, and one with tools, a call and its result.
pub(super) fn requests() -> impl Iterator<Item = Request> {
    let said = |role: &str| json!({ "role": role, "content": PROBE });
    let function = json!({ "name": PROBE, "description": PROBE, "parameters": { "type": "object" } });
    let tools = json!([{ "type": "function", "function": function }]);
    let call = json!({ "name": PROBE, "arguments": { PROBE: PROBE } });
    let calls = json!([{ "id": SHORT, "type": "function", "function": call }]);
    let called =
        json!({ "role": "assistant", "reasoning_content": PROBE, "content": null, "tool_calls": calls });
    let result = json!({ "role": "tool", "tool_call_id": SHORT, "content": PROBE });
    let [system, user, answer] = ["system", "user", "assistant"].map(said);
    let plain = json!({ "messages": [system, user, answer, user] });
    let with_tools = json!({ "messages": [user, called, result], "tools": tools });
    [plain, with_tools].into_iter().filter_map(|request| Request::from_json(&request.to_string()).ok())
}
