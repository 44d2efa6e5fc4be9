//! Memory of a large vocabulary.

#[path = "../../../tests/support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;

use std::path::{Path, PathBuf};

use allocator::{kept, peak};
use linnet_constraint::{Token, Vocabulary};
use linnet_gguf::HeaderParser;
use linnet_text::Tokenizer;
use llguidance::toktrie::{TokRxInfo, TokTrie};

const TOKENS: u32 = 262_144;
/// Most memory in addition to the trie of a vocabulary.
const MORE: usize = 16 << 20;

/// Words of three syllables, some after a space; bytes; marks.
fn word(id: u32) -> Vec<u8> {
    const SYLLABLES: [&str; 32] = [
        "a", "be", "cu", "den", "er", "fi", "go", "hu", "in", "ja", "ke", "lo", "ment", "no", "or", "pri",
        "que", "re", "st", "tion", "un", "vi", "wo", "xe", "yo", "zu", "é", "да", "日本", "s\"", "\\n",
        "\n\t",
    ];
    if id < 256 {
        return vec![id as u8];
    }
    let mut word = if id & 1 == 0 { "▁".to_owned() } else { String::new() };
    for at in 0..3 {
        word.push_str(SYLLABLES[(id >> (1 + 5 * at)) as usize % 32]);
    }
    word.push_str(&"-".repeat((id >> 16) as usize));
    word.into_bytes()
}

/// What the trie of the words and their vocabulary keep, and what making the latter takes at most.
fn measured(words: &[Vec<u8>], end: u32) -> (usize, usize, usize) {
    let count = u32::try_from(words.len()).unwrap();
    let (trie, alone) = kept(|| TokTrie::from(&TokRxInfo::new(count, end), words));
    drop(trie);
    let tokens =
        words.iter().zip(0..).map(|(bytes, id)| if id == end { Token::End } else { Token::Text(bytes) });
    let ((vocabulary, all), most) = peak(|| kept(|| Vocabulary::new(tokens).unwrap()));
    assert_eq!(vocabulary.len(), words.len());
    (alone, all, most)
}

fn check(name: &str, words: &[Vec<u8>], end: u32) {
    let (trie, all, most) = measured(words, end);
    println!("{name}: {} tokens; the trie {trie} bytes, the vocabulary {all}, at most {most}", words.len());
    assert!(all <= trie + MORE, "{name}: {all} bytes, the trie {trie}");
}

/// A single test, so that nothing else allocates.
#[test]
fn a_vocabulary_is_little_more_than_its_trie() {
    let words: Vec<Vec<u8>> = (0..TOKENS).map(word).collect();
    check("made", &words, TOKENS - 1);
    let models = std::env::var_os("LINNET_MODELS").map(PathBuf::from);
    let models = models.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"));
    let Ok(file) = std::fs::File::open(models.join("gemma-3-270m-q4_k_m.gguf")) else { return };
    let mut start = Vec::new();
    std::io::Read::read_to_end(&mut std::io::Read::take(file, 64 << 20), &mut start).unwrap();
    let header = HeaderParser::new().push(&start).unwrap().unwrap();
    let tokenizer = Tokenizer::from_gguf(&header.metadata).unwrap();
    let ids = (0u32..).take(tokenizer.vocab_size());
    let words: Vec<Vec<u8>> = ids.map(|id| tokenizer.token_bytes(id).unwrap_or_default().to_vec()).collect();
    check("Gemma 3", &words, 1);
}
