//! Random damage: the parser returns a header or an error, never panics, and stays fast.

use std::time::{Duration, Instant};

use linnet_gguf::{Array, Gguf, GgufError, HeaderParser, HeaderWriter, Strings, Value, limits};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop};
use proptest::test_runner::{Config, TestRunner};

use crate::sample::{parse_in_chunks, writer};

/// What to do to a header.
#[derive(Clone, Debug)]
enum Damage {
    /// Overwrites a byte.
    Byte(prop::sample::Index, u8),
    /// Overwrites eight bytes with a number, such as a count, a length or an offset.
    Number(prop::sample::Index, u64),
    /// Removes some bytes.
    Cut(prop::sample::Index, usize),
    /// Repeats some bytes.
    Repeat(prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let numbers = proptest::prop_oneof![any::<u64>(), 0..300_u64, (0..64_u32).prop_map(|bit| 1 << bit)];
    proptest::prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (any::<prop::sample::Index>(), numbers).prop_map(|(at, number)| Damage::Number(at, number)),
        (any::<prop::sample::Index>(), 1..40_usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        (any::<prop::sample::Index>(), 1..40_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    match damage {
        Damage::Byte(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Damage::Number(at, number) => {
            let at = at.index(bytes.len() - 8);
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        Damage::Cut(at, length) => {
            let at = at.index(bytes.len());
            bytes.drain(at..bytes.len().min(at + length));
        }
        Damage::Repeat(at, length) => {
            let at = at.index(bytes.len());
            let part = bytes[at..bytes.len().min(at + length)].to_vec();
            bytes.splice(at..at, part);
        }
    }
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: 4000, failure_persistence: None, ..Config::default() })
}

#[test]
fn a_damaged_header_never_panics_and_chunks_do_not_matter() {
    let good = writer().to_bytes();
    let (mut read, mut refused) = (0, 0);
    let strategy = (vec(damage(), 1..4), 1..200_usize);
    let result = runner().run(&strategy, |(damages, chunk)| {
        let mut bytes = good.clone();
        for damage in &damages {
            apply(&mut bytes, damage);
        }
        let whole = Gguf::parse(&bytes);
        let pieces = parse_in_chunks(&bytes, chunk);
        // Compared as text, because a damaged float may be NaN.
        assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
        match whole {
            Ok(header) => assert!(header.file_len() >= header.header_len),
            Err(error) => assert!(error.offset() <= bytes.len() as u64, "{error}"),
        }
        Ok(())
    });
    result.expect("no panic");
    // Both outcomes must occur often, or the test shows little.
    for byte in 0..good.len() {
        let mut bytes = good.clone();
        bytes[byte] ^= 0xFF;
        *(if Gguf::parse(&bytes).is_ok() { &mut read } else { &mut refused }) += 1;
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}

#[test]
fn random_bytes_after_the_preamble_never_panic() {
    let strategy = (0..4_u64, 0..4_u64, vec(proptest::prop_oneof![0..13_u8, any::<u8>()], 0..400));
    let result = runner().run(&strategy, |(tensors, pairs, rest)| {
        let mut bytes = [b"GGUF".as_slice(), &3_u32.to_le_bytes()].concat();
        bytes.extend(tensors.to_le_bytes());
        bytes.extend(pairs.to_le_bytes());
        bytes.extend(rest);
        let _ = Gguf::parse(&bytes);
        Ok(())
    });
    result.expect("no panic");
}

#[test]
fn a_large_header_in_tiny_chunks_takes_linear_time() {
    // 300,000 tokens and a string of 4 MiB in chunks of 64 bytes: quadratic work would take hours.
    let tokens = (0..300_000).map(|i| format!("token{i}")).collect();
    let mut writer = HeaderWriter::new();
    writer.metadata("long", Value::String("x".repeat(4 << 20)));
    writer.metadata("tokens", Value::Array(Array::Strings(tokens)));
    let bytes = writer.to_bytes();
    let start = Instant::now();
    let header = parse_in_chunks(&bytes, 64).expect("a good header");
    assert_eq!(header.metadata.strings("tokens").map(|tokens| tokens.map(Strings::len)), Ok(Some(300_000)));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Each would take about 50 bytes for 12 in the file.
#[test]
fn arrays_in_arrays_are_limited() {
    let header = |count: u64| {
        let inner = Array::Arrays((0..count).map(|_| Array::U8(Vec::new())).collect());
        let mut writer = HeaderWriter::new();
        writer.metadata("arrays", Value::Array(inner));
        Gguf::parse(&writer.to_bytes())
    };
    assert!(header(limits::MAX_INNER_ARRAYS).is_ok());
    assert!(matches!(header(limits::MAX_INNER_ARRAYS + 1), Err(GgufError::TooLarge { .. })));
}

#[test]
fn a_whole_file_may_be_pushed_at_once_and_nothing_after_an_error() {
    let mut bytes = writer().to_bytes();
    bytes.resize(limits::MAX_HEADER_BYTES as usize + 100, 0);
    assert!(Gguf::parse(&bytes).is_ok());

    let mut parser = HeaderParser::new();
    assert!(matches!(parser.push(&b"nope".repeat(100)), Err(GgufError::NotGguf { .. })));
    assert!(matches!(parser.push(&bytes), Err(GgufError::Finished { .. })));
}
