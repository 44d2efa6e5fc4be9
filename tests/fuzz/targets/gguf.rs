//! Parsing a header at once and in chunks gives the same header or the same error, and its accessors do not
//! panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linnet_gguf::{Gguf, HeaderParser, join};
use linnet_text::Tokenizer;

fuzz_target!(|data: &[u8]| {
    let Some((&size, file)) = data.split_first() else { return };
    let whole = Gguf::parse(file);
    let mut parser = HeaderParser::new();
    let mut pieces = Ok(None);
    for piece in file.chunks(usize::from(size).max(1)) {
        pieces = parser.push(piece);
        if !matches!(pieces, Ok(None)) {
            break;
        }
    }
    let pieces = pieces.and_then(|header| header.ok_or_else(|| parser.incomplete()));
    // Compared as text, because a float may be NaN.
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
    if let Ok(header) = whole {
        assert!(header.file_len() >= header.header_len);
        let _ = (header.split(), header.require_whole(), Tokenizer::from_gguf(&header.metadata));
        let _ = join(vec![header.clone(), header]);
    }
});
