//! Files with one error each, and the expected error code. None may panic, take long or allocate memory only because a
//! count says so.

use linnet_graph::Bytes;
use pollster::block_on;

use crate::fake::loader;
use crate::raw_file::{ARRAY, Raw, RawFile, STRING, array, float, integers, number, string, strings};

/// The error code for a file, or `loads`.
fn outcome(file: &[u8]) -> &'static str {
    let (mut loader, _) = loader(b"");
    let loaded = file
        .chunks(1000)
        .try_for_each(|piece| block_on(loader.push(Bytes::Heap(piece))))
        .and_then(|()| block_on(loader.finish()));
    match loaded {
        Ok(_) => "loads",
        Err(error) => {
            assert!(!error.to_string().is_empty());
            error.code().name()
        }
    }
}

fn assert_outcomes(cases: Vec<(&str, RawFile, &str)>) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(name, file, expected)| {
            let found = outcome(&file.bytes());
            (found != *expected).then(|| format!("{name}: expected {expected}, got {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn good() -> RawFile {
    RawFile::good()
}

#[test]
fn the_file_itself_loads() {
    assert_eq!(outcome(&good().bytes()), "loads");
}

/// One file for each border between two items, and one that ends a byte later.
#[test]
fn files_that_end_anywhere_are_incomplete() {
    let file = good();
    let (bytes, mut end) = (file.bytes(), 0);
    for section in file.sections() {
        for length in [end, end + 1] {
            if length < bytes.len() {
                assert_eq!(outcome(&bytes[..length]), "integrity", "{length} of {} bytes", bytes.len());
            }
        }
        end += section.len();
    }
}

#[test]
fn other_files() {
    for start in ["<!doctype html>", "PK\u{3}\u{4}", "ggjt", "{\"error\": \"not found\"}", "FUGG\0\0\0\u{3}"]
    {
        assert_eq!(outcome(start.as_bytes()), "bad-model", "{start}");
    }
}

#[test]
fn counts_and_lengths() {
    let long = |length: u64| Raw(STRING, length.to_le_bytes().to_vec());
    let many = |kind: u32, count: u64| array(kind, count, []);
    let nested = (0..8).fold(vec![0; 12], |inner, _| array(ARRAY, 1, inner).1);
    assert_outcomes(vec![
        ("version 0", good().with(|file| file.version = 0), "bad-model"),
        ("version 1", good().with(|file| file.version = 1), "bad-model"),
        ("version 4", good().with(|file| file.version = 4), "bad-model"),
        ("big endian", good().with(|file| file.version = 3 << 24), "bad-model"),
        ("all tensors", good().with(|file| file.tensor_count = u64::MAX), "bad-model"),
        ("too many tensors", good().with(|file| file.tensor_count = 1 << 17), "bad-model"),
        ("one tensor more", good().with(|file| file.tensor_count += 1), "bad-model"),
        ("one tensor fewer", good().with(|file| file.tensor_count -= 1), "bad-model"),
        ("no tensors", good().with(|file| file.tensor_count = 0), "bad-model"),
        ("all pairs", good().with(|file| file.pair_count = u64::MAX), "bad-model"),
        ("one pair more", good().with(|file| file.pair_count += 1), "bad-model"),
        ("one pair fewer", good().with(|file| file.pair_count -= 1), "bad-model"),
        ("no pairs", good().with(|file| file.pair_count = 0), "bad-model"),
        ("endless string", good().set("general.name", long(u64::MAX)), "bad-model"),
        ("17 MiB of string", good().set("general.name", long(17 << 20)), "bad-model"),
        ("endless array", good().set("x", many(U8, u64::MAX)), "bad-model"),
        ("array of 2^60 numbers", good().set("x", many(10, 1 << 60)), "bad-model"),
        ("array of 2^40 strings", good().set("x", many(STRING, 1 << 40)), "bad-model"),
        ("array of 2^40 arrays", good().set("x", many(ARRAY, 1 << 40)), "bad-model"),
        ("arrays in arrays", good().set("x", Raw(ARRAY, nested)), "bad-model"),
        ("array of nothing known", good().set("x", many(13, 0)), "bad-model"),
        ("value of no known type", good().set("x", Raw(13, vec![0; 8])), "bad-model"),
        ("boolean of 2", good().set("x", Raw(7, vec![2])), "bad-model"),
        ("long key", good().set(&"k".repeat(1 << 16), number(1)), "bad-model"),
    ]);
}

const U8: u32 = 0;

#[test]
fn names_and_text() {
    let invalid = [0xff_u8, 0xfe];
    assert_outcomes(vec![
        ("key of no text", good().with(|file| file.pairs[0].0 = vec![0xc3]), "bad-model"),
        ("value of no text", good().set("general.name", string(invalid)), "bad-model"),
        ("token of no text", good().set("tokenizer.ggml.tokens", strings(&[invalid])), "bad-model"),
        ("merge of no text", good().set("tokenizer.ggml.merges", strings(&[invalid])), "bad-model"),
        ("template of no text", good().set("tokenizer.chat_template", string(invalid)), "bad-model"),
        ("tensor of no text", good().tensor(0, |tensor| tensor.name = vec![0xed, 0xa0, 0x80]), "bad-model"),
        ("a key twice", good().with(|file| file.pairs[1].0 = file.pairs[0].0.clone()), "bad-model"),
        (
            "a tensor twice",
            good().with(|file| file.tensors[2].name = file.tensors[3].name.clone()),
            "bad-model",
        ),
        ("long tensor name", good().tensor(0, |tensor| tensor.name = vec![b'n'; 300]), "bad-model"),
        ("tensor without a name", good().tensor(0, |tensor| tensor.name.clear()), "bad-model"),
    ]);
}

#[test]
fn other_files_are_named_with_what_to_do() {
    let (mut loader, _) = loader(b"");
    block_on(loader.push(Bytes::Heap(b"version https://git-lfs.github.com/spec/v1"))).expect("it is short");
    let error = block_on(loader.finish()).err().expect("it is no model");
    assert_eq!((error.code().name(), error.details()["kind"].as_str()), ("bad-model", Some("git-lfs")));
    let text = "this is not a GGUF file: it is a Git LFS pointer. Run `git lfs pull`";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn tensors() {
    let align = |value: u32| good().set("general.alignment", number(value));
    let dims = |dims: &[u64]| good().tensor(0, |tensor| tensor.dims = dims.to_vec());
    let kind = |kind: u32| good().tensor(1, |tensor| tensor.kind = kind);
    let at = |offset: u64| good().tensor(10, |tensor| tensor.offset = offset);
    let unused = |dims: &[u64]| {
        good().with(|file| {
            let mut tensor = file.tensors[0].clone();
            tensor.name = b"v.unused".to_vec();
            tensor.dims = dims.to_vec();
            tensor.offset = (file.data as u64).next_multiple_of(32);
            file.tensors.push(tensor);
            file.tensor_count += 1;
        })
    };
    assert_outcomes(vec![
        ("alignment 0", align(0), "bad-model"),
        ("alignment 3", align(3), "bad-model"),
        ("alignment 2 GiB", align(1 << 31), "bad-model"),
        ("alignment of text", good().set("general.alignment", string("32")), "bad-model"),
        ("alignment that the tensors do not have", align(128), "bad-model"),
        ("dimension 0", dims(&[0, 258]), "bad-model"),
        ("dimensions beyond 2^64", dims(&[1 << 33, 1 << 33]), "bad-model"),
        ("bytes beyond 2^64", dims(&[1 << 62, 1]), "bad-model"),
        ("five dimensions", dims(&[8, 2, 2, 2, 2]), "bad-model"),
        ("2^32 - 1 dimensions", good().tensor(0, |tensor| tensor.dims = vec![1; 4000]), "bad-model"),
        ("embedding of 2^50 tokens", dims(&[8, 1 << 50]), "bad-model"),
        ("tensor of a removed type", kind(4), "unsupported-quantization"),
        ("tensor of integers", kind(26), "unsupported-quantization"),
        ("tensor of no known type", kind(u32::MAX), "unsupported-quantization"),
        ("row of part of a block", kind(2), "bad-model"),
        ("misaligned", at(5), "bad-model"),
        ("at the end of all numbers", at(u64::MAX - 31), "bad-model"),
        ("overlap", at(0), "bad-model"),
        ("far away", at(1 << 60), "integrity"),
        ("unused tensor of 2^60 bytes", unused(&[1 << 58]), "integrity"),
        ("missing", good().tensor(3, |tensor| tensor.name = b"v.other".to_vec()), "bad-model"),
        ("unknown", good().tensor(3, |tensor| tensor.name = b"other".to_vec()), "unsupported-architecture"),
        ("other shape", good().tensor(2, |tensor| tensor.dims = vec![4, 8]), "bad-model"),
        ("other rank", good().tensor(1, |tensor| tensor.dims = vec![2, 4]), "bad-model"),
    ]);
}

#[test]
fn models() {
    let llama = |key: &str, value: Raw| good().set(&format!("llama.{key}"), value);
    assert_outcomes(vec![
        ("no architecture", good().without("general.architecture"), "bad-model"),
        ("architecture 7", good().set("general.architecture", number(7)), "bad-model"),
        (
            "unknown architecture",
            good().set("general.architecture", string("hal9000")),
            "unsupported-architecture",
        ),
        ("no layers", llama("block_count", number(0)), "bad-model"),
        ("2^32 - 1 layers", llama("block_count", number(u32::MAX)), "bad-model"),
        ("layers as text", llama("block_count", string("1")), "bad-model"),
        ("-1 layers", llama("block_count", Raw(5, vec![0xff; 4])), "bad-model"),
        ("no embedding length", good().without("llama.embedding_length"), "bad-model"),
        ("embedding length 0", llama("embedding_length", number(0)), "bad-model"),
        ("embedding length 2^32 - 1", llama("embedding_length", number(u32::MAX)), "bad-model"),
        ("no heads", llama("attention.head_count", number(0)), "bad-model"),
        ("heads that do not divide", llama("attention.head_count", number(3)), "bad-model"),
        ("more KV heads than heads", llama("attention.head_count_kv", number(7)), "bad-model"),
        ("context 0", llama("context_length", number(0)), "bad-model"),
        ("NaN epsilon", llama("attention.layer_norm_rms_epsilon", float(f32::NAN)), "bad-model"),
        ("negative epsilon", llama("attention.layer_norm_rms_epsilon", float(-1.0)), "bad-model"),
        ("infinite epsilon", llama("attention.layer_norm_rms_epsilon", float(f32::INFINITY)), "bad-model"),
        ("NaN rope base", llama("rope.freq_base", float(f32::NAN)), "bad-model"),
        ("rope base 0", llama("rope.freq_base", float(0.0)), "bad-model"),
        ("part of a split model", good().set("split.count", number(3)), "bad-model"),
        ("split part beyond", good().set("split.count", number(2)).set("split.no", number(2)), "bad-model"),
        ("split count as text", good().set("split.count", string("2")), "bad-model"),
    ]);
}

#[test]
fn tokenizers_and_templates() {
    let set = |key: &str, value: Raw| good().set(&format!("tokenizer.ggml.{key}"), value);
    let merges = |lines: &[&str]| set("merges", strings(lines));
    let template = |source: String| good().set("tokenizer.chat_template", string(source));
    let spm = || set("model", string("llama"));
    assert_outcomes(vec![
        ("no tokenizer", good().without("tokenizer.ggml.model"), "bad-model"),
        ("WordPiece", set("model", string("bert")), "unsupported-tokenizer"),
        ("Unigram", set("model", string("t5")), "unsupported-tokenizer"),
        ("RWKV", set("model", string("rwkv")), "unsupported-tokenizer"),
        ("no vocabulary", set("model", string("no_vocab")), "unsupported-tokenizer"),
        ("unknown pre-tokenizer", set("pre", string("martian")), "unsupported-tokenizer"),
        ("pre-tokenizer 7", set("pre", number(7)), "bad-model"),
        ("no tokens", good().without("tokenizer.ggml.tokens"), "bad-model"),
        ("0 tokens", set("tokens", strings::<&str>(&[])), "bad-model"),
        ("tokens of numbers", set("tokens", integers([1, 2])), "bad-model"),
        ("fewer types than tokens", set("token_type", integers([1, 2])), "bad-model"),
        ("types as text", set("token_type", strings(&["1"])), "bad-model"),
        ("no merges", good().without("tokenizer.ggml.merges"), "bad-model"),
        ("merge of one", merges(&["ab"]), "bad-model"),
        ("merge of nothing", merges(&[""]), "bad-model"),
        ("merge with nothing, a cycle", merges(&["a ", "a b"]), "bad-model"),
        ("merges in a cycle", merges(&["a b", "ab a", "aba b"]), "bad-model"),
        ("merge of an unknown token", merges(&["zz a"]), "bad-model"),
        ("end token beyond", set("eos_token_id", number(258)), "bad-model"),
        ("end token -1", set("eos_token_id", Raw(5, vec![0xff; 4])), "bad-model"),
        ("start token wanted and missing", set("add_bos_token", Raw(7, vec![1])), "bad-model"),
        ("start token wanted by text", set("add_bos_token", string("yes")), "bad-model"),
        ("no scores", spm(), "bad-model"),
        ("fewer scores than tokens", spm().set("tokenizer.ggml.scores", array(6, 1, [0; 4])), "bad-model"),
        (
            "NaN scores order as any",
            spm().set("tokenizer.ggml.scores", array(6, 258, f32::NAN.to_le_bytes().repeat(258))),
            "loads",
        ),
        // These fail only in `chat`.
        ("no template", template("{% for".into()), "loads"),
        ("template of an unknown filter", template("{{ 1|nonesuch( }}".into()), "loads"),
        ("deep template", template("{% if x %}".repeat(5000)), "loads"),
        ("long template", template(" ".repeat(2 << 20)), "loads"),
        ("template 7", good().set("tokenizer.chat_template", number(7)), "bad-model"),
    ]);
}
