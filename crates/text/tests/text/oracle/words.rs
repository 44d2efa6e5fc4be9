//! How each pre-tokenizer cuts text, as steps of Hugging Face's crate.

use serde_json::{Value, json};
use tokenizers::PreTokenizerWrapper;

/// Contractions in either case. Published expressions write `(?i:'s|...)`, which also matches U+017F for the `s`;
/// llama.cpp's, by which GGUF files are read, do not.
const CONTRACTIONS: &str = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const SPACES: &str = r"\s*[\r\n]+|\s+(?!\S)|\s+";

/// A way to cut text.
#[derive(Clone)]
pub struct Words {
    steps: Vec<Value>,
    /// A word that is a token needs no merges (`ignore_merges`).
    pub whole_words: bool,
    /// Tokens are characters with `▁` for the space.
    pub characters: bool,
}

impl Words {
    fn bytes(steps: Vec<Value>) -> Self {
        Self { steps, whole_words: false, characters: false }
    }

    fn whole_words(self) -> Self {
        Self { whole_words: true, ..self }
    }

    /// Lines.
    pub fn lines() -> Self {
        Self { steps: vec![split(r"[^\n]+|\n+")], whole_words: false, characters: true }
    }

    /// All of the text is one word.
    pub fn whole_text() -> Self {
        Self { steps: Vec::new(), whole_words: false, characters: true }
    }

    /// The steps. The last of them spells bytes in GPT-2's alphabet, unless tokens are characters.
    pub fn pre_tokenizer(&self) -> PreTokenizerWrapper {
        let mut steps = self.steps.clone();
        if !self.characters && steps.last() != Some(&byte_level(true)) {
            steps.push(byte_level(false));
        }
        serde_json::from_value(json!({"type": "Sequence", "pretokenizers": steps})).unwrap()
    }
}

fn split(pattern: &str) -> Value {
    json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false})
}

fn byte_level(use_regex: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": use_regex})
}

/// GPT-2's expression without its byte alphabet, if other steps follow.
fn gpt2() -> Value {
    split(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
}

fn digits() -> Value {
    json!({"type": "Digits", "individual_digits": true})
}

fn cl100k(digits: &str) -> Value {
    split(&format!(
        r"(?:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}"
    ))
}

fn o200k(digits: &str, contractions: &str, signs: &str) -> Value {
    let (upper, lower) = (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]");
    let lead = r"[^\r\n\p{L}\p{N}]?";
    let words = format!("{lead}{upper}*{lower}+{contractions}|{lead}{upper}+{lower}*{contractions}");
    split(&format!(r"{words}|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+{signs}|{SPACES}"))
}

fn gpt4o() -> Value {
    o200k("{1,3}", &format!("(?:{CONTRACTIONS})?"), r"[\r\n/]*")
}

fn kimi() -> Value {
    let (upper, lower) =
        (r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]");
    let lead = r"[^\r\n\p{L}\p{N}]?";
    let words =
        format!("{lead}{upper}*{lower}+(?:{CONTRACTIONS})?|{lead}{upper}+{lower}*(?:{CONTRACTIONS})?");
    split(&format!(r"\p{{Han}}+|{words}|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}"))
}

fn deepseek_v3() -> Value {
    split(&format!(
        r"[!-/:-@\[-`{{-~][A-Za-z]+|[^\r\n\p{{L}}\p{{P}}\p{{S}}]?[\p{{L}}\p{{M}}]+| ?[\p{{P}}\p{{S}}]+[\r\n]*|{SPACES}"
    ))
}

/// DeepSeek's first models: letters of scripts with upper and lower case.
const CASED: &str = "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\
    \u{1f5f}-\u{1f7d}ᾀ-ᾴᾶ-ᾼ\u{1fbe}ῂ-ῄῆ-ῌ\u{1fd0}-\u{1fd3}\u{1fd6}-\u{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ\u{212a}\
    -\u{212d}ℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿ\
    ﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";

/// Groups of three digits from the number's end.
fn thousands() -> Value {
    split(r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))")
}

fn bloom() -> Value {
    split(r" ?[^(\s|.,!?…。，、।۔،)]+")
}

/// The names that [`words`] knows, one for each way of cutting; other names mean one of these.
pub const BYTE_LEVEL: [&str; 22] = [
    "default",
    "gpt-2",
    "smollm",
    "falcon",
    "llama-bpe",
    "dbrx",
    "minicpm5",
    "qwen2",
    "qwen35",
    "laguna",
    "seed-coder",
    "gpt-4o",
    "tiny_aya",
    "tekken",
    "kimi-k2",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
    "afmoe",
    "bloom",
    "viking",
    "superbpe",
];

/// The pre-tokenizer of this name.
pub fn words(pre: &str) -> Option<Words> {
    let numbers = || split(r"\p{N}+");
    let three_digits = || split("[0-9][0-9][0-9]");
    Some(match pre {
        "default" => Words::bytes(vec![split(r"[\p{P}$+<=>^~|]+"), gpt2(), numbers(), three_digits()]),
        // The crate's own steps suffice.
        "gpt-2" => Words::bytes(vec![byte_level(true)]),
        "smollm" => Words::bytes(vec![digits(), byte_level(true)]),
        "falcon" => Words::bytes(vec![split(r"[\p{P}$+<=>^~|`]+"), gpt2(), three_digits()]),
        "llama-bpe" | "glm4" | "lfm2" => Words::bytes(vec![cl100k("{1,3}")]).whole_words(),
        "dbrx" => Words::bytes(vec![cl100k("{1,3}")]),
        "minicpm5" => Words::bytes(vec![split(r"\p{N}{1,3}"), cl100k("+")]).whole_words(),
        "qwen2" => Words::bytes(vec![cl100k("")]),
        "qwen35" => {
            let words = r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+";
            let signs = r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*";
            Words::bytes(vec![split(&format!(r"(?:{CONTRACTIONS})|{words}|\p{{N}}|{signs}|{SPACES}"))])
        }
        "laguna" => Words::bytes(vec![split(r"[^\n]+|\n+"), cl100k("")]),
        "seed-coder" => Words::bytes(vec![split(&format!(
            r"(?:{CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|{SPACES}"
        ))]),
        "gpt-4o" => Words::bytes(vec![gpt4o()]),
        "tiny_aya" => Words::bytes(vec![thousands(), gpt4o()]),
        "tekken" => Words::bytes(vec![o200k("", "", r"[\r\n/]*")]).whole_words(),
        "kimi-k2" => Words::bytes(vec![kimi()]),
        "deepseek-llm" => Words::bytes(vec![
            split(r"[\r\n]"),
            split(&format!(r"\s?[{CASED}]+")),
            split(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
            split(r"\s+\z"),
            split("[一-龥ࠀ-一가-\u{d7ff}]+"),
            numbers(),
        ]),
        "deepseek-coder" => Words::bytes(vec![
            split(r"[\r\n]"),
            split(r"\s?\p{L}+"),
            split(r"\s?\p{P}+"),
            split("[一-龥ࠀ-一가-\u{d7ff}]+"),
            digits(),
        ]),
        "deepseek-v3" => Words::bytes(vec![split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), deepseek_v3()]),
        "afmoe" => Words::bytes(vec![
            thousands(),
            split(
                "[一-鿿㐀-䶿\u{f900}-\u{faff}぀-ゟ゠-ヿ･-ﾟ⼀-\u{2fdf}เ-\u{e7f}\u{e80}-\u{eff}ក-\u{17ff}က-႟ꩠ-ꩿꧠ-\u{a9ff}\
                 가-\u{d7af}ᄀ-ᇿ]+",
            ),
            deepseek_v3(),
        ]),
        "bloom" => Words::bytes(vec![bloom()]),
        "viking" => Words::bytes(vec![bloom(), digits()]),
        "superbpe" => Words::bytes(vec![numbers(), thousands()]),
        "gemma4" => Words::lines(),
        _ => return None,
    })
}
