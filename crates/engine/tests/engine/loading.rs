//! Loading: chunks of any size give the same weights, and errors of files are named.

use crate::fake::{CONTEXT, FakeBackend, loader, model_file, platform};
use linnet_engine::{Error, LoadOptions, Loader};
use linnet_gguf::{Gguf, HeaderWriter, TensorInfo, Value};
use linnet_graph::{Bytes, KvFormat};
use pollster::block_on;

/// Loads `file` in chunks of `size` bytes; returns the bytes of every weight.
fn load(file: &[u8], size: usize) -> Result<Vec<Vec<u8>>, Error> {
    let (mut loader, log) = loader(b"");
    for piece in file.chunks(size) {
        block_on(loader.push(Bytes::Heap(piece)))?;
    }
    block_on(loader.finish())?;
    Ok(std::mem::take(&mut log.borrow_mut().weights))
}

#[test]
fn the_chunk_size_does_not_matter() {
    let file = model_file();
    let whole = load(&file, file.len()).unwrap();
    assert_eq!(whole.len(), 11);
    assert_eq!(
        whole[0].len(),
        258 * 8 * 4,
        "the embedding table is the graph's first weight and the file's last tensor"
    );
    assert!(file.ends_with(&whole[0]));
    for size in [1, 7, 100, 4096] {
        assert_eq!(load(&file, size).unwrap(), whole, "pieces of {size}");
    }
}

/// [`model_file`] in two parts, `first` tensors in the first, with extra bytes after each.
fn parts(first: usize) -> Vec<Vec<u8>> {
    let file = model_file();
    let whole = Gguf::parse(&file).unwrap();
    let (head, tail) = whole.tensors.split_at(first);
    let part = |no: u16, tensors: &[TensorInfo]| {
        let mut writer = HeaderWriter::new();
        if no == 0 {
            for (key, value) in whole.metadata.iter() {
                writer.metadata(key, value.clone());
            }
        }
        writer.metadata("split.no", Value::U16(no)).metadata("split.count", Value::U16(2));
        writer.metadata("split.tensors.count", Value::I32(whole.tensors.len() as i32));
        for tensor in tensors {
            writer.tensor(&tensor.name, &tensor.dims, tensor.dtype).unwrap();
        }
        let mut bytes = writer.to_bytes();
        for (own, tensor) in Gguf::parse(&bytes).unwrap().tensors.iter().zip(tensors) {
            bytes.resize(own.offset as usize, 0);
            bytes.extend(&file[tensor.offset as usize..][..tensor.bytes as usize]);
        }
        bytes.extend([7; 5]);
        bytes
    };
    vec![part(0, head), part(1, tail)]
}

/// Loads parts in chunks of `size` bytes, reading the headers ahead.
fn load_parts(files: &[Vec<u8>], size: usize) -> Result<Vec<Vec<u8>>, Error> {
    let (mut loader, log) = loader(b"");
    for file in &files[1..] {
        let mut pieces = file.chunks(size);
        while !loader.read_ahead(Bytes::Heap(pieces.next().unwrap_or_default()))? {}
    }
    for (no, file) in files.iter().enumerate() {
        if no > 0 {
            loader.next_part()?;
        }
        for piece in file.chunks(size) {
            block_on(loader.push(Bytes::Heap(piece)))?;
        }
    }
    block_on(loader.finish())?;
    Ok(std::mem::take(&mut log.borrow_mut().weights))
}

#[test]
fn a_split_model_is_the_same_model() {
    let whole = load(&model_file(), 1000).unwrap();
    for first in [0, 1, 5, 12] {
        for size in [7, 99, 1 << 20] {
            let weights = load_parts(&parts(first), size).unwrap();
            assert_eq!(weights, whole, "{first} tensors in the first part, pieces of {size}");
        }
    }
}

#[test]
fn mismatched_parts_are_named() {
    let refusal = |files: &[Vec<u8>]| {
        let error = load_parts(files, 1000).unwrap_err();
        (error.code().name(), error.details()["part"].as_u64())
    };
    let [first, second] = parts(5).try_into().unwrap();
    assert_eq!(refusal(&[first.clone(), second.clone(), second.clone()]), ("bad-model", Some(1)));
    assert_eq!(refusal(&[second.clone(), first.clone()]), ("bad-model", Some(1)));
    assert_eq!(refusal(&[first.clone(), first.clone()]), ("bad-model", Some(2)));
    assert_eq!(refusal(&[first.clone(), model_file()]), ("bad-model", Some(2)));
    let of_another = parts(6).remove(1);
    assert_eq!(refusal(&[first.clone(), of_another]), ("bad-model", Some(1)));
    assert_eq!(load(&second, 1000).unwrap_err().code().name(), "bad-model");
}

#[test]
fn a_part_that_ends_early_is_incomplete() {
    let [first, second] = parts(5).try_into().unwrap();
    // The parts have five unused bytes.
    let cut = |file: &Vec<u8>, bytes: usize| file[..file.len() - bytes].to_vec();
    assert!(load_parts(&[cut(&first, 5), cut(&second, 5)], 1000).is_ok());
    for (files, part) in
        [([cut(&first, 6), second.clone()], &first), ([first.clone(), cut(&second, 6)], &second)]
    {
        let error = load_parts(&files, 1000).unwrap_err();
        assert_eq!(error.code().name(), "integrity");
        assert_eq!(error.details()["expected"], part.len() - 5);
        assert_eq!(error.details()["received"], part.len() - 6);
    }
    let in_the_header = load_parts(&[first, second[..100].to_vec()], 1000).unwrap_err();
    assert_eq!(in_the_header.code().name(), "integrity");
}

#[test]
fn a_single_part_is_rejected() {
    for file in parts(5) {
        let error = load(&file, 1000).unwrap_err();
        assert_eq!(error.code().name(), "bad-model");
        assert!(error.to_string().contains("of 2 of a split model"), "{error}");
    }
}

#[test]
fn bytes_after_the_last_tensor_are_ignored() {
    let mut file = model_file();
    let whole = load(&file, 1000).unwrap();
    file.extend([1, 2, 3]);
    assert_eq!(load(&file, 1000).unwrap(), whole);
}

#[test]
fn a_file_that_never_ends_is_refused() {
    let [first, second] = parts(5).try_into().unwrap();
    // The parts have five unused bytes.
    let expected = second.len() - 5;
    let (mut loader, _) = loader(b"");
    while !loader.read_ahead(Bytes::Heap(&second)).unwrap() {}
    let endless = vec![0; 1 << 20];
    let mut push = |bytes: &[u8]| block_on(loader.push(Bytes::Heap(bytes)));
    push(&first).unwrap();
    // Bytes after the last tensor are ignored.
    push(&endless).unwrap();
    loader.next_part().unwrap();
    let mut push = |bytes: &[u8]| block_on(loader.push(Bytes::Heap(bytes)));
    push(&second).unwrap();
    let error = (0..100).find_map(|_| push(&endless).err()).expect("it is read for ever");
    assert_eq!(error.code().name(), "integrity");
    assert_eq!(error.details()["expected"], expected);
}

#[test]
fn a_file_that_ends_early_is_incomplete() {
    let file = model_file();
    let error = load(&file[..file.len() - 1], 1000).unwrap_err();
    assert_eq!(error.code().name(), "integrity");
    assert_eq!(error.details()["expected"], file.len());
    assert_eq!(load(&file[..100], 1000).unwrap_err().code().name(), "integrity");
    assert_eq!(load(&[], 1).unwrap_err().code().name(), "integrity");
}

#[test]
fn a_file_that_is_not_a_model_is_rejected_at_once() {
    let (mut loader, _) = loader(b"");
    // Its first few hundred bytes show what it is instead.
    let page = format!("<!doctype html><html>{}", " ".repeat(300));
    let error = block_on(loader.push(Bytes::Heap(page.as_bytes()))).unwrap_err();
    assert_eq!(error.code().name(), "bad-model");
}

#[test]
fn the_context_must_be_valid_for_the_model() {
    let code = |context_length| {
        let (backend, _) = FakeBackend::new(b"");
        let options = LoadOptions {
            context_length: Some(context_length),
            max_logits: 1,
            kv: KvFormat::F16,
            memory_limit: None,
            platform: platform(),
        };
        let mut loader = Loader::new(backend, options);
        block_on(loader.push(Bytes::Heap(&model_file()))).err().map(|e| e.code().name())
    };
    assert_eq!(code(CONTEXT), None);
    assert_eq!(code(CONTEXT + 1), Some("invalid-request"));
    assert_eq!(code(0), Some("invalid-request"));
}
