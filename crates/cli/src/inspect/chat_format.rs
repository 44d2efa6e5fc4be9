//! Describes a model's chat format in a few words.

use std::io::{self, Write};

use linnet_engine::{ChatTemplates, Error, ReasoningSupport};
use linnet_gguf::Metadata;
use linnet_text::{CallKind, ChatFormat, Dialect, LocalTime, Marks, SAME_NAME, Tokenizer};

use crate::terminal::one_line;

/// Prints how the model marks reasoning and tool calls, if its file has a chat template.
///
/// # Errors
/// If it cannot be written.
pub fn print(out: &mut impl Write, metadata: &Metadata) -> io::Result<()> {
    match templates(metadata) {
        Ok(None) => Ok(()),
        Ok(Some(templates)) => {
            let format = templates.format();
            let by =
                if templates.shows_tools() { "by the template" } else { "by Linnet, in a system message" };
            writeln!(out, "\nchat format")?;
            writeln!(out, "  reasoning: {}", reasoning(format, templates.reasoning()))?;
            writeln!(out, "  tool calls: {}", calls(format))?;
            writeln!(out, "  tools: described {by}")
        }
        Err(error) => writeln!(out, "\nchat format\n  unknown: {}", one_line(&error.to_string())),
    }
}

fn templates(metadata: &Metadata) -> Result<Option<ChatTemplates>, Error> {
    if metadata.str("tokenizer.chat_template")?.is_none() {
        return Ok(None);
    }
    let tokenizer = Tokenizer::from_gguf(metadata)?;
    let templates = ChatTemplates::from_gguf(metadata, &tokenizer, LocalTime::EPOCH)?;
    Ok(templates.transpose()?)
}

fn reasoning(format: &ChatFormat, support: ReasoningSupport) -> String {
    let switch = match support {
        ReasoningSupport::Optional => "; can be switched on and off",
        ReasoningSupport::None | ReasoningSupport::Always => "; has no switch",
    };
    match &format.reasoning {
        Some(reasoning) => {
            let opened = if reasoning.prompt_opens { ", opened by the prompt" } else { "" };
            format!("{}{opened}{switch}", between(&reasoning.marks))
        }
        None => "none".to_owned(),
    }
}

fn calls(format: &ChatFormat) -> String {
    let calls = &format.calls;
    let kind = match &calls.kind {
        CallKind::Json(_) => "JSON objects",
        CallKind::Named { dialect: Dialect::Json, .. } => "a name, then JSON",
        CallKind::Named { .. } => "a name, then arguments in the model's own notation",
        CallKind::Tagged { .. } => "a name, then an element for each argument",
        CallKind::Pythonic => "Python calls",
        CallKind::Harmony => return "Harmony messages".to_owned(),
    };
    let call = between(&calls.call);
    match calls.section == Marks::default() {
        true => format!("{kind} {call}"),
        false if calls.call == Marks::default() => format!("{kind} {}", between(&calls.section)),
        false => format!("{kind} {call}, all {}", between(&calls.section)),
    }
}

fn between(marks: &Marks) -> String {
    let close = marks.close.trim().replace(SAME_NAME, "NAME");
    let (open, close) = (one_line(marks.open.trim()), one_line(&close));
    match (open.is_empty(), close.is_empty()) {
        (true, true) => "without marks".to_owned(),
        (false, true) => format!("after `{open}`"),
        (true, false) => format!("before `{close}`"),
        (false, false) => format!("between `{open}` and `{close}`"),
    }
}

#[cfg(test)]
mod tests {
    use linnet_text::ReasoningFormat;

    use super::*;

    #[test]
    fn formats_are_described_in_words() {
        let mut format = ChatFormat::generic();
        assert_eq!(reasoning(&format, ReasoningSupport::None), "none");
        assert_eq!(calls(&format), "JSON objects between `<tool_call>` and `</tool_call>`");
        format.reasoning = Some(ReasoningFormat {
            marks: Marks::new("<think>", "</think>"),
            prompt_opens: true,
            anywhere: false,
        });
        assert_eq!(
            reasoning(&format, ReasoningSupport::Optional),
            "between `<think>` and `</think>`, opened by the prompt; can be switched on and off"
        );
        format.calls.kind = CallKind::Pythonic;
        format.calls.section = Marks::new("[CALLS]\n", "");
        format.calls.call = Marks::default();
        assert_eq!(calls(&format), "Python calls after `[CALLS]`");
        let close = format!("</{SAME_NAME}>");
        assert_eq!(between(&Marks::new("<", &close)), "between `<` and `</NAME>`");
    }
}
