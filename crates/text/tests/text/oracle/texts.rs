//! Random texts of every script, with the kinds of characters that pre-tokenizers distinguish next to each other.

use linnet_text::{DecodeOptions, Tokenizer};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};

/// Characters from one block of 128 code points: a word of some script.
fn of_one_script() -> impl Strategy<Value = String> {
    // Below U+3100 are the alphabets; above, up to U+32400, the syllables and ideographs, historic scripts, emoji.
    let block = prop_oneof![0..0x3100u32 / 128, 0x3100u32 / 128..0x32400 / 128, Just(0xe0000 / 128)];
    (block, proptest::collection::vec(0..128u32, 1..7)).prop_map(|(block, offsets)| {
        offsets.iter().filter_map(|offset| char::from_u32(block * 128 + offset)).collect()
    })
}

/// Texts for `tokenizer`: with its own tokens, so that long merges and these special tokens occur.
pub fn texts(tokenizer: &Tokenizer, special: &[u32]) -> BoxedStrategy<String> {
    let printed = |id| tokenizer.decode(&[id], DecodeOptions { special: true });
    let ids = 0..u32::try_from(tokenizer.vocab_size()).unwrap();
    let special: Vec<String> = special.iter().copied().map(printed).chain(["<".to_owned()]).collect();
    let piece = prop_oneof![
        4 => of_one_script(),
        4 => of(ids.map(printed).collect()),
        1 => of(special),
        2 => "[a-zA-Z]{1,8}",
        2 => " ?[0-9]{1,7}",
        2 => "[ \t\r\n\u{a0}\u{3000}]{1,4}",
        2 => "[ !-/:-@\\[-`{-~]{1,4}",
        1 => "[a-zA-Z]'(s|S|t|re|RE|ve|m|ll|D)",
        1 => "[a-eé\u{301}\u{93f}東あ한😀\u{200d}\u{fe0f}²٣Ⅷ]{1,5}",
        1 => any::<char>().prop_map(String::from),
    ];
    // U+FDD0 is Linnet's own guard, which reading with `parse_special` takes out.
    proptest::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat().replace('\u{fdd0}', "")).boxed()
}

fn of(texts: Vec<String>) -> BoxedStrategy<String> {
    proptest::sample::select(texts).boxed()
}
