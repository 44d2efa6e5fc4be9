//! A byte-level BPE vocabulary of any size: the bytes, then all words over a small alphabet, shorter ones
//! first, each merged from a shorter word and a letter.

use linnet_gguf::Strings;

use super::shape::Vocabulary;

/// Tokens for single bytes, so that every text can be encoded.
const BYTES: usize = 256;
/// Letters of the words. The last is the byte-level spelling of the space.
const LETTERS: [char; 27] = [
    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u',
    'v', 'w', 'x', 'y', 'z', 'Ġ',
];
/// Control tokens that chat templates need; the others are numbered.
const CONTROLS: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
/// `tokenizer.ggml.token_type` of text tokens.
const NORMAL: i32 = 1;
/// `tokenizer.ggml.token_type` of control tokens.
const CONTROL: i32 = 3;

/// The values of `tokenizer.ggml.*`.
pub struct Lists {
    pub tokens: Strings,
    pub types: Vec<i32>,
    pub merges: Strings,
    /// Ends a turn.
    pub eos: u32,
    /// Ends a text.
    pub bos: u32,
}

/// The lists of a vocabulary with at least 256 words and three more tokens.
pub fn lists(vocabulary: &Vocabulary) -> Lists {
    let (words, tokens) = (vocabulary.words, vocabulary.tokens);
    let mut lists = Lists {
        tokens: (0..BYTES).map(spelled_byte).collect(),
        types: vec![NORMAL; words],
        merges: Strings::default(),
        bos: words as u32,
        eos: words as u32 + 2,
    };
    // Single letters are byte tokens, so words have at least two.
    for number in (LETTERS.len()..).take(words.saturating_sub(BYTES)) {
        let word = word(number);
        let ends = [word.char_indices().nth_back(0), word.char_indices().nth(1)];
        for (at, _) in ends.into_iter().flatten().take(vocabulary.splits.min(word.chars().count() - 1)) {
            lists.merges.push(&format!("{} {}", &word[..at], &word[at..]));
        }
        lists.tokens.push(&word);
    }
    lists.types.resize(tokens, CONTROL);
    for index in 0..tokens.saturating_sub(words) {
        match CONTROLS.get(index) {
            Some(text) => lists.tokens.push(text),
            None => lists.tokens.push(&format!("<|reserved_{index}|>")),
        }
    }
    lists
}

/// A byte in GPT-2's alphabet: printable bytes are themselves, the others are characters from 256 on, in
/// order.
pub fn spelled_byte(byte: usize) -> String {
    let prints = |byte: usize| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    let code = if prints(byte) { byte } else { 256 + (0..byte).filter(|before| !prints(*before)).count() };
    char::from_u32(code as u32).map(String::from).unwrap_or_default()
}

/// The word with this number: `a`, `b`, ..., `aa`, `ab`, ...
fn word(mut number: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(LETTERS[number % LETTERS.len()]);
        match number / LETTERS.len() {
            0 => break,
            rest => number = rest - 1,
        }
    }
    letters.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_differ_and_merges_make_them() {
        for splits in [1, 2] {
            let lists = lists(&Vocabulary { pre: "gpt-2", words: 30_000, tokens: 30_020, splits });
            assert_eq!((lists.tokens.len(), lists.types.len()), (30_020, 30_020));
            let all: HashSet<&str> = lists.tokens.iter().collect();
            assert_eq!(all.len(), 30_020);
            for merge in lists.merges.iter() {
                let (left, right) = merge.split_once(' ').unwrap();
                assert!([left, right, &format!("{left}{right}")].iter().all(|t| all.contains(t)), "{merge}");
            }
            // A two-letter word has only one split.
            let expected = (30_000 - BYTES) * splits - (splits - 1) * LETTERS.len().pow(2);
            assert_eq!(lists.merges.len(), expected);
            assert_eq!(lists.tokens.get(lists.eos as usize), Some("<|im_end|>"));
            assert_eq!(lists.tokens.get(lists.bos as usize), Some("<|endoftext|>"));
        }
        assert_eq!([0, 26, 27, 28, 27 + 27 * 27].map(word), ["a", "Ġ", "aa", "ab", "aaa"]);
        assert_eq!([0, 32, 65].map(spelled_byte), ["Ā", "Ġ", "A"]);
    }
}
