//! The package's list of models says of each chat template what the engine detects in it.

use std::fs;
use std::path::Path;

use linnet_engine::ReasoningSupport;
use serde_json::{Value, json};

use crate::chats::with_template;

/// The template of this model is not in the folders: [`TOOLS_IN_SYSTEM`] does the same.
const PHI: &str = "phi-4-mini-instruct";

/// Models of the list, and files with their templates.
const TEMPLATES: [(&str, &str); 14] = [
    ("smollm2-135m-instruct", "templates/SmolLM2-135M-Instruct"),
    ("smollm2-360m-instruct", "templates/SmolLM2-135M-Instruct"),
    ("qwen3-0.6b", "templates/Qwen-Qwen3-0.6B"),
    ("qwen3-4b", "templates/Qwen-Qwen3-0.6B"),
    ("qwen3-8b", "templates/Qwen-Qwen3-0.6B"),
    ("smollm3-3b", "templates/HuggingFaceTB-SmolLM3-3B"),
    (PHI, ""),
    ("gpt-oss-20b", "templates/openai-gpt-oss-120b"),
    ("qwen3.5-0.8b", "chat/Qwen3.5-4B"),
    ("qwen3.5-2b", "chat/Qwen3.5-4B"),
    ("qwen3.5-4b", "chat/Qwen3.5-4B"),
    ("qwen3.5-9b", "chat/Qwen3.5-4B"),
    ("gemma-4-e2b-it", "chat/google-gemma-4-31B-it"),
    ("gemma-4-e4b-it", "chat/google-gemma-4-31B-it"),
];

/// Looks for tools in the system message, as Phi-4-mini's template does, and writes no calls.
pub(super) const TOOLS_IN_SYSTEM: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content + '' }}\
    {% if m.role == 'system' and m.tools %}{{ '<|tool|>' + m.tools + '<|/tool|>' }}{% endif %}<|end|>\
    {% endfor %}{{ '<|assistant|>' if add_generation_prompt else eos_token }}";

#[test]
fn the_list_of_models_says_what_is_detected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = fs::read_to_string(root.join("web/src/models/models.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    let models = list.as_array().or_else(|| list["models"].as_array()).unwrap();
    let mut checked = 0;
    for model in models {
        let id = model["id"].as_str().unwrap();
        let (_, template) = TEMPLATES
            .iter()
            .find(|(known, _)| *known == id)
            .unwrap_or_else(|| panic!("no template for {id}"));
        let folders = [root.join("tests/fixtures"), root.join("../shared/reference")];
        let found = folders
            .iter()
            .find_map(|folder| fs::read_to_string(folder.join(format!("{template}.jinja"))).ok());
        let Some(source) = found.or_else(|| (id == PHI).then(|| TOOLS_IN_SYSTEM.to_owned())) else {
            println!("skipped: the template of {id} is not here");
            continue;
        };
        let info = with_template(&source).info().model;
        let reasoning = match info.reasoning {
            ReasoningSupport::None => "none",
            ReasoningSupport::Optional => "optional",
            ReasoningSupport::Always => "always",
        };
        let said = ["reasoning", "thinks", "tools"].map(|field| &model["template"][field]);
        assert_eq!(said, [&json!(reasoning), &json!(info.thinks), &json!(info.tools)], "{id}");
        checked += 1;
    }
    assert!(checked >= 7, "{checked}");
}
