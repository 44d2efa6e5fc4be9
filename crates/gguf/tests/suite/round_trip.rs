//! The parser returns what was written, in chunks of any size.

use linnet_gguf::{Array, Gguf, GgufError, HeaderParser, HeaderWriter, Strings, Value};
use linnet_quant::DType;

use crate::sample::{parse_in_chunks, writer};

#[test]
fn everything_written_is_read() {
    let bytes = writer().to_bytes();
    let header = Gguf::parse(&bytes).expect("a good header");
    assert_eq!((header.version, header.alignment), (3, 64));
    assert_eq!(header.data_offset, bytes.len() as u64);
    assert!(header.header_len <= header.data_offset && header.header_len > header.data_offset - 64);

    let metadata = &header.metadata;
    assert_eq!(metadata.len(), 30);
    assert_eq!(metadata.iter().next(), Some(("general.alignment", &Value::U32(64))));
    assert_eq!(metadata.get("i64"), Some(&Value::I64(i64::MIN)));
    assert_eq!(metadata.get("f64"), Some(&Value::F64(1e300)));
    assert_eq!(metadata.get("no"), Some(&Value::Bool(false)));
    assert_eq!(metadata.get("u32s"), Some(&Value::Array(Array::U32((0..1000).collect()))));
    let Some(Value::Array(Array::Arrays(nested))) = metadata.get("nested") else {
        panic!("{:?}", metadata.get("nested"))
    };
    assert_eq!(nested.len(), 4);
    let inner = vec![Array::I32(vec![1, 2]), Array::Strings(Strings::from_iter(["x"]))];
    assert_eq!(nested[1], Array::Arrays(inner));

    let tensors: Vec<_> = header
        .tensors
        .iter()
        .map(|t| (t.name.as_str(), t.dtype, t.offset - header.data_offset, t.bytes))
        .collect();
    assert_eq!(
        tensors,
        [
            ("norm", DType::F32, 0, 20),
            ("matrix", DType::Q4_0, 64, 3 * 36),
            ("experts", DType::Q6_K, 192, 6 * 210),
            ("cube", DType::MXFP4, 1472, 4 * 17),
        ]
    );
    assert_eq!(header.tensors[2].dims, [256, 2, 3, 1]);
    assert_eq!(header.file_len(), header.data_offset + 1472 + 68);
}

#[test]
fn the_size_of_the_chunks_does_not_matter() {
    let mut bytes = writer().to_bytes();
    let whole = Gguf::parse(&bytes).expect("a good header");
    // The parser ignores what follows the header.
    bytes.extend([0xEE; 300]);
    for chunk in [1, 2, 3, 7, 64, 1000, 4096, 1 << 20] {
        assert_eq!(parse_in_chunks(&bytes, chunk).as_ref(), Ok(&whole), "chunks of {chunk}");
    }
}

#[test]
fn the_header_comes_with_its_last_byte() {
    let bytes = writer().to_bytes();
    let end = Gguf::parse(&bytes).expect("a good header").header_len as usize;
    let mut parser = HeaderParser::new();
    assert_eq!(parser.push(&bytes[..end - 1]), Ok(None));
    assert!(parser.push(&bytes[end - 1..end]).expect("a good header").is_some());
    assert_eq!(parser.push(&[0]), Err(GgufError::Finished { offset: end as u64 }));
}

#[test]
fn a_header_may_be_empty() {
    let bytes = HeaderWriter::new().to_bytes();
    let header = Gguf::parse(&bytes).expect("a good header");
    assert!(header.metadata.is_empty() && header.tensors.is_empty());
    assert_eq!((header.header_len, header.data_offset, header.file_len()), (24, 32, 24));
}

#[test]
fn version_2_differs_only_in_its_number() {
    let mut bytes = writer().to_bytes();
    let third = Gguf::parse(&bytes).expect("a good header");
    bytes[4] = 2;
    let second = Gguf::parse(&bytes).expect("a good header");
    assert_eq!(Gguf { version: 3, ..second }, third);
}

#[test]
fn numbers_are_read_whatever_their_width() {
    let header = Gguf::parse(&writer().to_bytes()).expect("a good header");
    let metadata = &header.metadata;
    assert_eq!(metadata.u32("u8"), Ok(Some(200)));
    assert_eq!(metadata.u32("u32"), Ok(Some(4_000_000_000)));
    assert_eq!(metadata.u64("u64"), Ok(Some(u64::MAX)));
    assert_eq!(metadata.f32("f32"), Ok(Some(-0.5)));
    assert_eq!(metadata.bool("yes"), Ok(Some(true)));
    assert_eq!(metadata.str("text"), Ok(Some("Grüße 🌍")));
    assert!(metadata.integers("i8s").unwrap().unwrap().iter().eq([-128, 127]));
    assert_eq!(metadata.f32s("f32s"), Ok(Some(&[0.25, f32::INFINITY][..])));
    assert_eq!(metadata.bools("bools"), Ok(Some(&[true, false, true][..])));
    assert_eq!(metadata.strings("strings").map(|strings| strings.map(Strings::len)), Ok(Some(3)));
    assert_eq!(metadata.array("u16s").map(|array| array.map(Array::len)), Ok(Some(3)));
    assert_eq!(metadata.u32("absent"), Ok(None));
    assert_eq!(metadata.strings("absent"), Ok(None));
}

#[test]
fn a_value_of_another_type_or_size_is_named() {
    let header = Gguf::parse(&writer().to_bytes()).expect("a good header");
    let metadata = &header.metadata;
    let Err(GgufError::WrongType { offset, key, expected, found }) = metadata.u32("text") else {
        panic!("{:?}", metadata.u32("text"))
    };
    assert_eq!((key.as_str(), expected, found), ("text", "a u32", "a string"));
    assert_eq!(&writer().to_bytes()[offset as usize + 8..][..4], "Grü".as_bytes());
    assert!(matches!(metadata.u32("f32"), Err(GgufError::WrongType { found: "f32", .. })));
    assert!(matches!(metadata.f32("u32"), Err(GgufError::WrongType { .. })));
    assert!(matches!(metadata.strings("f32s"), Err(GgufError::WrongType { found: "an array of f32", .. })));
    assert!(matches!(metadata.u32("i8"), Err(GgufError::OutOfRange { value: -100, .. })));
    assert!(matches!(metadata.u32("u64"), Err(GgufError::OutOfRange { .. })));
    assert!(matches!(metadata.integers("u64s"), Err(GgufError::OutOfRange { expected: "an i64", .. })));
}

#[test]
fn the_writer_rejects_invalid_shapes() {
    let mut writer = HeaderWriter::new();
    for (dims, dtype) in [(&[33][..], DType::Q8_0), (&[32, 0], DType::Q8_0), (&[], DType::F32)] {
        assert!(matches!(writer.tensor("t", dims, dtype), Err(GgufError::BadShape { .. })), "{dims:?}");
    }
    assert!(matches!(writer.tensor("t", &[1 << 62], DType::F32), Err(GgufError::BadShape { .. })));
    assert!(writer.tensor("t", &[1 << 61], DType::F32).is_ok());
    assert!(writer.tensor("u", &[1 << 61], DType::F32).is_err());
}
