//! Split models.

use linnet_gguf::{Gguf, GgufError, HeaderWriter, Value, join};
use linnet_quant::DType;

/// A part with one tensor of these rows.
fn part(no: u16, count: u16, tensors: i32, name: &str, rows: u64) -> Gguf {
    let mut writer = HeaderWriter::new();
    writer.metadata("split.no", Value::U16(no));
    writer.metadata("split.count", Value::U16(count));
    writer.metadata("split.tensors.count", Value::I32(tensors));
    writer.tensor(name, &[32, rows], DType::F32).expect("a shape that fits");
    Gguf::parse(&writer.to_bytes()).expect("a good header")
}

fn parts() -> Vec<Gguf> {
    vec![part(0, 3, 3, "a", 1), part(1, 3, 3, "b", 2), part(2, 3, 3, "c", 3)]
}

#[test]
fn parts_are_joined_as_one_file() {
    let parts = parts();
    let joined = join(parts.clone()).expect("parts that fit");
    let mut start = 0;
    for (tensor, part) in joined.tensors.iter().zip(&parts) {
        let own = &part.tensors[0];
        assert_eq!((&tensor.name, tensor.bytes), (&own.name, own.bytes));
        assert_eq!(tensor.offset, start + own.offset);
        start += part.file_len();
    }
    assert_eq!(joined.tensors.len(), 3);
    assert_eq!(joined.file_len(), start);
}

/// The index of the rejected part, and the reason.
fn blamed(parts: Vec<Gguf>) -> (u32, String) {
    match join(parts) {
        Err(GgufError::BadSplit { part, reason, .. }) => (part, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_and_wrong_parts_are_named() {
    let mut missing = parts();
    missing.remove(1);
    assert_eq!(blamed(missing).0, 0);
    let mut swapped = parts();
    swapped.swap(1, 2);
    assert_eq!(blamed(swapped), (1, "got part 3 of 3 in its place".to_owned()));
    let mut other = parts();
    other[1] = part(1, 4, 3, "b", 2);
    assert_eq!(blamed(other).0, 1);
    let mut fewer = parts();
    fewer[0] = part(0, 3, 4, "a", 1);
    assert_eq!(blamed(fewer), (0, "expected 4 tensors, got 3".to_owned()));
    let mut whole = parts();
    whole[1] = Gguf::parse(&HeaderWriter::new().to_bytes()).expect("a good header");
    assert_eq!(blamed(whole), (1, "it is not part of a split model".to_owned()));
    assert_eq!(blamed(Vec::new()).0, 0);
    assert_eq!(blamed(vec![part(3, 3, 3, "a", 1)]).0, 3);
    let mut endless = parts();
    endless[0].tensors[0].bytes = u64::MAX - endless[0].tensors[0].offset;
    assert_eq!(blamed(endless), (1, "the length of all parts overflows".to_owned()));
    let mut twice = parts();
    twice[2] = part(2, 3, 3, "a", 3);
    assert!(matches!(join(twice), Err(GgufError::DuplicateTensor { tensor, .. }) if tensor == "a"));
}

#[test]
fn a_single_part_is_rejected() {
    let alone = parts().remove(1).require_whole();
    assert!(matches!(alone, Err(GgufError::PartOfSplit { no: 1, count: 3, .. })), "{alone:?}");
    assert_eq!(part(0, 1, 1, "a", 1).require_whole(), Ok(()));
}
