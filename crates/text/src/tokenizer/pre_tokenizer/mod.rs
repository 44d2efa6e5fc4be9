//! Pre-tokenizers: how byte-level BPE vocabularies split text into words before merging
//! (`tokenizer.ggml.pre`).

mod class;
mod ranges;
mod split_pattern;

use crate::TextError;
use split_pattern::SplitPattern;

pub use class::is_in_word;

const GPT2: SplitPattern = SplitPattern::Gpt2;
const DIGIT: SplitPattern = SplitPattern::Numbers { most: 1 };
const LLAMA3: SplitPattern = SplitPattern::Cl100k { digits: 3, marks: false, lines: true };
const QWEN2: SplitPattern = SplitPattern::Cl100k { digits: 1, marks: false, lines: true };
const QWEN35: SplitPattern = SplitPattern::Cl100k { digits: 1, marks: true, lines: true };
const GPT4O: SplitPattern = SplitPattern::O200k { digits: 3, contractions: true };
const TEKKEN: SplitPattern = SplitPattern::O200k { digits: 1, contractions: false };
const DEEPSEEK_LLM: [SplitPattern; 6] = [
    SplitPattern::LineEnd,
    SplitPattern::SpacedRanges(ranges::CASED),
    SplitPattern::SpacedRanges(ranges::DEEPSEEK_SIGNS),
    SplitPattern::TrailingSpace,
    SplitPattern::Ranges(ranges::DEEPSEEK_CJK),
    SplitPattern::Numbers { most: usize::MAX },
];
const DEEPSEEK_CODER: [SplitPattern; 5] = [
    SplitPattern::LineEnd,
    SplitPattern::SpacedLetters,
    SplitPattern::SpacedPunctuation,
    SplitPattern::Ranges(ranges::DEEPSEEK_CJK),
    DIGIT,
];
const DEEPSEEK_V3: [SplitPattern; 3] =
    [SplitPattern::Numbers { most: 3 }, SplitPattern::Ranges(ranges::CJK_AND_KANA), SplitPattern::DeepSeekV3];
const DEFAULT: [SplitPattern; 4] = [
    SplitPattern::Signs { backtick: false },
    GPT2,
    SplitPattern::Numbers { most: usize::MAX },
    SplitPattern::ThreeDigits,
];

/// A pre-tokenizer: its patterns, and what else its name implies.
#[derive(Clone, Copy, Debug)]
pub(super) struct PreTokenizer {
    /// Each pattern splits the pieces that the previous ones leave.
    cuts: &'static [SplitPattern],
    /// A word that is a token is not merged.
    pub(super) whole_words: bool,
    /// Whether a prompt starts with the BOS token if the file does not say.
    pub(super) add_bos: bool,
    /// Tokens are spelled like SentencePiece's, as characters with `▁` for the space, instead of in GPT-2's
    /// byte alphabet.
    pub(super) characters: bool,
}

impl PreTokenizer {
    /// Gemma 4: lines are words.
    pub(super) const GEMMA4: Self =
        Self { add_bos: true, characters: true, ..Self::of(&[SplitPattern::Lines]) };

    const fn of(cuts: &'static [SplitPattern]) -> Self {
        Self { cuts, whole_words: false, add_bos: false, characters: false }
    }

    const fn whole_words(self) -> Self {
        Self { whole_words: true, ..self }
    }

    const fn add_bos(self) -> Self {
        Self { add_bos: true, ..self }
    }

    /// The pre-tokenizer with this name.
    ///
    /// # Errors
    /// [`TextError::UnknownPreTokenizer`]: with a wrong guess the model would answer nonsense.
    pub(super) fn named(pre: &str) -> Result<Self, TextError> {
        Ok(match pre {
            "default" => Self::of(&DEFAULT),
            "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "gigachat" | "jina-v2-es" | "jina-v2-de"
            | "a.x-4.0" | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais" | "trillion"
            | "granite-docling" | "exaone4" => Self::of(&[GPT2]),
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b"
            | "mellum2" => Self::of(&[DIGIT, GPT2]),
            "falcon" => Self::of(&[SplitPattern::Signs { backtick: true }, GPT2, SplitPattern::ThreeDigits]),
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0"
            | "lfm2" | "jina-v5-nano" => Self::of(&[LLAMA3]).whole_words().add_bos(),
            "dbrx" | "smaug-bpe" | "chatglm-bpe" => Self::of(&[LLAMA3]),
            "glm4" | "glm5" => Self::of(&[LLAMA3]).whole_words(),
            "minicpm5" => {
                const WORDS: SplitPattern =
                    SplitPattern::Cl100k { digits: usize::MAX, marks: false, lines: true };
                Self::of(&[SplitPattern::Numbers { most: 3 }, WORDS]).whole_words()
            }
            // BailingMoE's own expression is written differently but matches the same.
            "qwen2" | "deepseek-r1-qwen" | "kormo" | "f2llmv2" | "megrez" | "stablelm2" | "hunyuan"
            | "solar-open" | "grok-2" | "bailingmoe" | "bailingmoe2" | "llada-moe" => Self::of(&[QWEN2]),
            "qwen35" => Self::of(&[QWEN35]),
            "laguna" => Self::of(&[SplitPattern::Lines, QWEN2]),
            "seed-coder" => Self::of(&[SplitPattern::Cl100k { digits: 1, marks: false, lines: false }]),
            "gpt-4o" | "llama4" | "kanana2" | "talkie" | "minimax-m2" => Self::of(&[GPT4O]),
            "tiny_aya" | "cohere2moe" => Self::of(&[SplitPattern::Thousands, GPT4O]),
            "tekken" => Self::of(&[TEKKEN]).whole_words().add_bos(),
            "kimi-k2" => Self::of(&[SplitPattern::KimiK2]),
            "deepseek-llm" => Self::of(&DEEPSEEK_LLM),
            "deepseek-coder" => Self::of(&DEEPSEEK_CODER),
            "deepseek-v3" | "hunyuan-dense" | "joyai-llm" | "hy_v4" => Self::of(&DEEPSEEK_V3),
            "afmoe" => Self::of(&[
                SplitPattern::Thousands,
                SplitPattern::Ranges(ranges::UNSPACED),
                SplitPattern::DeepSeekV3,
            ]),
            "poro-chat" | "bloom" | "gpt3-finnish" => Self::of(&[SplitPattern::Bloom]),
            "viking" => Self::of(&[SplitPattern::Bloom, DIGIT]),
            "superbpe" => Self::of(&[SplitPattern::Numbers { most: usize::MAX }, SplitPattern::Thousands]),
            "gemma4" => Self::GEMMA4,
            "sarvam-moe" => Self { characters: true, ..Self::of(&[SplitPattern::Lines]) },
            _ => return Err(TextError::UnknownPreTokenizer { pre: pre.to_owned() }),
        })
    }

    /// Passes on the words of `text`, which together are the text, as long as `word` returns true. Returns
    /// whether all were wanted.
    pub(super) fn split(&self, text: &str, word: &mut dyn FnMut(&str) -> bool) -> bool {
        split(self.cuts, text, word)
    }
}

/// Splits by the first pattern, and each piece by the remaining ones. The text between matches is a piece,
/// too.
fn split(cuts: &[SplitPattern], text: &str, word: &mut dyn FnMut(&str) -> bool) -> bool {
    let Some((&cut, rest)) = cuts.split_first() else { return word(text) };
    let mut piece = |from: usize, to: usize| from >= to || split(rest, &text[from..to], word);
    let (mut from, mut at) = (0, 0);
    // A pattern at the end is searched from the end: from the start, every position would be tried.
    let end = match cut {
        SplitPattern::TrailingSpace => text.trim_end().len(),
        _ => text.len(),
    };
    while let Some(c) = text[at..end].chars().next().filter(|_| cut != SplitPattern::TrailingSpace) {
        let length = cut.length(&text[at..]);
        if length == 0 {
            at += c.len_utf8();
            continue;
        }
        if !piece(from, at) {
            return false;
        }
        let mut group = at;
        from = at;
        at += length;
        if cut == SplitPattern::Thousands {
            let mut left = text[from..at].chars().count();
            for (offset, _) in text[from..at].char_indices() {
                if left.is_multiple_of(3) {
                    if !piece(group, from + offset) {
                        return false;
                    }
                    group = from + offset;
                }
                left -= 1;
            }
        }
        if !piece(group, at) {
            return false;
        }
        from = at;
    }
    piece(from, end) && piece(end, text.len())
}

#[cfg(test)]
mod tests {
    use super::PreTokenizer;
    use crate::TextError;
    fn words(pre: &str, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        PreTokenizer::named(pre).unwrap().split(text, &mut |word| {
            words.push(word.to_owned());
            true
        });
        words
    }

    #[test]
    fn whitespace_leaves_its_last_character_to_the_word() {
        assert_eq!(words("gpt-2", "a  b\n\nc \t "), ["a", " ", " b", "\n", "\n", "c", " \t "]);
        assert_eq!(words("llama-bpe", "a  b\n\nc \n  d"), ["a", " ", " b", "\n\n", "c", " \n", " ", " d"]);
    }

    #[test]
    fn digits_and_contractions() {
        assert_eq!(words("llama-bpe", "12345 I'LL"), ["123", "45", " I", "'LL"]);
        assert_eq!(words("qwen2", "12 we're"), ["1", "2", " we", "'re"]);
        assert_eq!(words("smollm", "a 12"), ["a", " ", "1", "2"]);
        assert_eq!(words("gpt-2", "a 12'S"), ["a", " 12", "'", "S"]);
        assert_eq!(words("gpt-4o", "HelloWorld can't"), ["Hello", "World", " can't"]);
    }

    #[test]
    fn numbers_are_cut_from_their_end() {
        assert_eq!(words("superbpe", "a b1234567 123"), ["a b", "1", "234", "567", " ", "123"]);
        assert_eq!(words("tiny_aya", "x 12345٣"), ["x", " ", "123", "45٣"]);
        assert_eq!(words("deepseek-v3", "12345"), ["123", "45"]);
    }

    #[test]
    fn deepseek_cuts_in_turn() {
        assert_eq!(
            words("deepseek-llm", "Hi, 東 1\n\n a  "),
            ["Hi", ",", " ", "東", " ", "1", "\n", "\n", " a", "  "]
        );
        assert_eq!(words("deepseek-coder", "a b..\r\n12"), ["a", " b", "..", "\r", "\n", "1", "2"]);
        assert_eq!(words("bloom", "a, b (c"), ["a", ",", " b", " (", "c"]);
    }

    #[test]
    fn unknown_names_are_rejected() {
        let error = PreTokenizer::named("martian").unwrap_err();
        assert!(matches!(error, TextError::UnknownPreTokenizer { pre } if pre == "martian"));
    }
}
