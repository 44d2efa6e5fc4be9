//! The tokens that end an answer. Files name one such token, but models use several, so well-known names
//! count too, as in llama.cpp (`llama_vocab`, `special_eog_ids`).

use linnet_gguf::Strings;

/// Names of tokens that end an answer, whatever type the file gives them.
const ENDS: [&str; 33] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    // Padding, and separators of files and repositories in code completion.
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// Fill-in-the-middle tokens: control tokens, whatever type the file gives them.
const FILL_IN: [&str; 24] = [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
];

/// Whether a token with this name is a control token, even if the file marks it as text.
pub(super) fn is_structure(text: &str) -> bool {
    FILL_IN.contains(&text)
}

/// Only in Gemma 4's vocabulary.
const GEMMA4: &str = "<|tool_response>";

/// Gemma 4's `</s>`, which is text (HTML) there, whatever type the file gives it.
pub(super) fn text_despite_its_name(texts: &Strings) -> Option<usize> {
    let at = |name: &str| texts.iter().position(|text| text == name);
    at(GEMMA4).and_then(|_| at("</s>"))
}

/// Ids of the tokens that end an answer, ascending. `named` are those in the metadata.
pub(super) fn find(texts: &Strings, named: impl Iterator<Item = u32>) -> Vec<u32> {
    let by_name = (0u32..).zip(texts.iter()).filter(|(_, text)| ENDS.contains(text));
    let mut ends: Vec<u32> = named.chain(by_name.map(|(id, _)| id)).collect();
    ends.sort_unstable();
    ends.dedup();

    let has = |name: &str| ends.iter().any(|&id| texts.get(id as usize) == Some(name));
    // Harmony and Solar end each message with <|end|> and continue; only these end the answer.
    let message_end_only = has("<|call|>") && has("<|return|>") || has("<|calls|>") && has("<|flush|>");
    // Gemma 4's </s> is text.
    let gemma4 = has(GEMMA4);
    ends.retain(|&id| match texts.get(id as usize) {
        Some("<|end|>") => !message_end_only,
        Some("</s>") => !gemma4,
        _ => true,
    });
    ends
}

#[cfg(test)]
mod tests {
    fn ends(tokens: &[&str], named: &[u32]) -> Vec<u32> {
        super::find(&tokens.iter().collect(), named.iter().copied())
    }

    #[test]
    fn named_tokens_and_well_known_names_end() {
        assert_eq!(ends(&["a", "<|im_end|>", "<stop>", "</s>"], &[2]), [1, 2, 3]);
        assert_eq!(ends(&["<|tool_response>", "</s>"], &[]), [0]);
    }

    #[test]
    fn harmony_messages_end_without_ending_the_answer() {
        assert_eq!(ends(&["<|end|>", "<|return|>", "<|call|>"], &[1]), [1, 2]);
        assert_eq!(ends(&["<|end|>"], &[]), [0]);
    }
}
