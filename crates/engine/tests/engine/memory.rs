//! A model that does not fit is rejected as soon as its header is complete, with the figures and with options
//! that fit.

use linnet_engine::{Error, LoadOptions, Loader};
use linnet_gguf::{Gguf, HeaderWriter, Value};
use linnet_graph::{Bytes, KvFormat};
use pollster::block_on;
use serde_json::{Value as Json, json};

use crate::fake::{FakeBackend, model_file, platform};

/// Context length of the model, whose only layer has keys and values of 8 elements each.
const LONG: usize = 8192;
/// Bytes per position in the KV cache.
const F16: u64 = 2 * 2 * 8;
const Q8_0: u64 = 2 * (8 + 2);

/// The fake model with a long context: its header, and the file.
fn long() -> (Vec<u8>, Vec<u8>) {
    let file = model_file();
    let whole = Gguf::parse(&file).unwrap();
    let mut writer = HeaderWriter::new();
    for (key, value) in whole.metadata.iter() {
        let value = if key == "llama.context_length" { Value::U32(LONG as u32) } else { value.clone() };
        writer.metadata(key, value);
    }
    for tensor in &whole.tensors {
        writer.tensor(&tensor.name, &tensor.dims, tensor.dtype).unwrap();
    }
    let header = writer.to_bytes();
    let all = [&header[..], &file[whole.data_offset as usize..]].concat();
    (header, all)
}

/// Load options; by default the whole context.
#[derive(Clone, Copy)]
struct Ask {
    context_length: Option<usize>,
    kv: KvFormat,
    memory_limit: Option<u64>,
    max_buffer: Option<u64>,
}

const ASK: Ask = Ask { context_length: Some(LONG), kv: KvFormat::F16, memory_limit: None, max_buffer: None };

fn loader(Ask { context_length, kv, memory_limit, max_buffer }: Ask) -> Loader<FakeBackend> {
    let (mut backend, _) = FakeBackend::new(b"");
    if let Some(most) = max_buffer {
        backend = backend.on_gpu(most);
    }
    Loader::new(
        backend,
        LoadOptions { context_length, max_logits: 1, kv, memory_limit, platform: platform() },
    )
}

/// The header alone decides.
fn refusal(ask: Ask) -> Option<Error> {
    block_on(loader(ask).push(Bytes::Heap(&long().0))).err()
}

fn details(ask: Ask) -> Json {
    let error = refusal(ask).expect("a refusal");
    assert_eq!(error.code().name(), "out-of-memory");
    error.details()
}

/// Bytes without the KV cache.
fn rest() -> u64 {
    let details = details(Ask { memory_limit: Some(1), ..ASK });
    let of = |key: &str| details[key].as_u64().unwrap();
    // The matrices and two norms of a layer, the last norm, and the table, which is also the output head.
    assert_eq!(of("weights"), 4 * (7 * 64 + 3 * 8 + 258 * 8));
    assert_eq!(of("kv"), LONG as u64 * F16);
    assert!(of("scratch") >= 4 * 258);
    assert_eq!(of("need"), of("weights") + of("kv") + of("scratch"));
    of("weights") + of("scratch")
}

#[test]
fn a_model_that_just_fits_is_accepted() {
    let all = rest() + LONG as u64 * F16;
    assert!(refusal(Ask { memory_limit: Some(all), ..ASK }).is_none());
    let details = details(Ask { memory_limit: Some(all - 1), ..ASK });
    assert_eq!(details["have"], all - 1);
    assert_eq!(details["limit"], "memory_limit");
}

#[test]
fn the_next_smaller_choice_fits() {
    let rest = rest();
    let context = |kv: &str, length: usize| json!({ "backend": "cpu", "context_length": length, "kv": kv });
    for (room, smaller) in [
        (LONG as u64 * Q8_0, context("q8_0", LONG)),
        // Of 163,839 bytes.
        (LONG as u64 * Q8_0 - 1, context("f16", 4864)),
        (100_000, context("f16", 3072)),
        (256 * F16, context("f16", 256)),
        (256 * F16 - 1, context("q8_0", 256)),
        (256 * Q8_0 - 1, Json::Null),
    ] {
        let ask = Ask { memory_limit: Some(rest + room), ..ASK };
        let found = details(ask)["smaller"].clone();
        assert_eq!(found, smaller, "{room}");
        if let Some(length) = found["context_length"].as_u64() {
            let kv = if found["kv"] == "q8_0" { KvFormat::Q8_0 } else { KvFormat::F16 };
            let second = Ask { context_length: Some(length as usize), kv, ..ask };
            assert!(refusal(second).is_none(), "{room}");
        }
    }
    let none = refusal(Ask { memory_limit: Some(1), ..ASK }).unwrap().to_string();
    assert!(none.ends_with("Use a smaller model"), "{none}");
}

#[test]
fn the_default_context_fits() {
    let rest = rest();
    let length = |room: u64| {
        let ask = Ask { context_length: None, memory_limit: Some(rest + room), ..ASK };
        let mut loader = loader(ask);
        block_on(loader.push(Bytes::Heap(&long().1)))?;
        Ok::<_, Error>(block_on(loader.finish())?.info().model.context_length)
    };
    assert_eq!(length(1 << 30).unwrap(), 4096);
    assert_eq!(length(100_000).unwrap(), 3072);
    assert_eq!(length(1024 * F16).unwrap(), 1024);
    let error = length(1024 * F16 - 1).unwrap_err();
    assert_eq!(error.details()["smaller"]["kv"], "q8_0");
}

#[test]
fn a_too_large_cache_is_rejected_before_the_download() {
    let keys = LONG as u64 * F16 / 2;
    assert!(refusal(Ask { max_buffer: Some(keys), ..ASK }).is_none());
    let smaller = |most| {
        let details = details(Ask { max_buffer: Some(most), ..ASK });
        assert_eq!(details["limit"], "maxStorageBufferBindingSize");
        assert_eq!((&details["need"], &details["have"]), (&json!(keys), &json!(most)));
        details["smaller"].clone()
    };
    let choice = |backend: &str, length: usize, kv: &str| {
        json!({
            "backend": backend, "context_length": length, "kv": kv,
        })
    };
    assert_eq!(smaller(keys - 1), choice("webgpu", LONG, "q8_0"));
    assert_eq!(smaller(5000), choice("webgpu", 256, "f16"));
    // Neither fits into such small buffers, but the CPU has no limit.
    assert_eq!(smaller(2000), choice("cpu", LONG, "f16"));
}
