//! A small header with every feature.

use linnet_gguf::{Array, Gguf, GgufError, HeaderParser, HeaderWriter, Strings, Value};
use linnet_quant::DType;

/// Every value type, arrays of every type, nested arrays, four tensors.
pub fn writer() -> HeaderWriter {
    let mut writer = HeaderWriter::with_alignment(64);
    writer
        .metadata("u8", Value::U8(200))
        .metadata("i8", Value::I8(-100))
        .metadata("u16", Value::U16(60_000))
        .metadata("i16", Value::I16(-30_000))
        .metadata("u32", Value::U32(4_000_000_000))
        .metadata("i32", Value::I32(-2_000_000_000))
        .metadata("u64", Value::U64(u64::MAX))
        .metadata("i64", Value::I64(i64::MIN))
        .metadata("f32", Value::F32(-0.5))
        .metadata("f64", Value::F64(1e300))
        .metadata("yes", Value::Bool(true))
        .metadata("no", Value::Bool(false))
        .metadata("text", Value::String("Grüße 🌍".to_owned()))
        .metadata("", Value::String(String::new()));
    let arrays = [
        ("u8s", Array::U8(vec![0, 255])),
        ("i8s", Array::I8(vec![-128, 127])),
        ("u16s", Array::U16(vec![1, 2, 3])),
        ("i16s", Array::I16(vec![-1])),
        ("u32s", Array::U32((0..1000).collect())),
        ("i32s", Array::I32(vec![-1, 0, 1])),
        ("u64s", Array::U64(vec![u64::MAX])),
        ("i64s", Array::I64(vec![i64::MIN, 7])),
        ("f32s", Array::F32(vec![0.25, f32::INFINITY])),
        ("f64s", Array::F64(vec![-0.125])),
        ("bools", Array::Bool(vec![true, false, true])),
        ("strings", Array::Strings(Strings::from_iter(["a", "", "ü"]))),
        ("none", Array::Strings(Strings::default())),
        ("no arrays", Array::Arrays(Vec::new())),
        ("nested", nested()),
    ];
    for (key, array) in arrays {
        writer.metadata(key, Value::Array(array));
    }
    let tensors: [(&str, &[u64], DType); 4] = [
        ("norm", &[5], DType::F32),
        ("matrix", &[64, 3], DType::Q4_0),
        ("experts", &[256, 2, 3, 1], DType::Q6_K),
        ("cube", &[32, 2, 2], DType::MXFP4),
    ];
    for (name, dims, dtype) in tensors {
        writer.tensor(name, dims, dtype).expect("a shape that fits");
    }
    writer
}

fn nested() -> Array {
    let inner = Array::Arrays(vec![Array::I32(vec![1, 2]), Array::Strings(Strings::from_iter(["x"]))]);
    Array::Arrays(vec![Array::U8(Vec::new()), inner, Array::Arrays(Vec::new()), Array::Bool(vec![true])])
}

/// Pushes the bytes in chunks of one size; otherwise like [`Gguf::parse`].
pub fn parse_in_chunks(bytes: &[u8], chunk: usize) -> Result<Gguf, GgufError> {
    let mut parser = HeaderParser::new();
    for piece in bytes.chunks(chunk) {
        if let Some(header) = parser.push(piece)? {
            return Ok(header);
        }
    }
    Err(parser.incomplete())
}
