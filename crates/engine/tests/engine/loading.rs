//! Loading: any pieces give the same weights, and bad files are called by their names.

use crate::fake::{CONTEXT, FakeBackend, loader, model_file, platform};
use linnet_engine::{Error, LoadOptions, Loader};
use linnet_graph::{Bytes, KvFormat};
use pollster::block_on;

/// Loads `file` in pieces of `size` bytes; the bytes of every weight.
fn load(file: &[u8], size: usize) -> Result<Vec<Vec<u8>>, Error> {
    let (mut loader, log) = loader(b"");
    for piece in file.chunks(size) {
        block_on(loader.push(Bytes::Heap(piece)))?;
    }
    block_on(loader.finish())?;
    Ok(std::mem::take(&mut log.borrow_mut().weights))
}

#[test]
fn the_size_of_the_pieces_does_not_matter() {
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

#[test]
fn bytes_behind_the_last_tensor_do_not_matter() {
    let mut file = model_file();
    let whole = load(&file, 1000).unwrap();
    file.extend([1, 2, 3]);
    assert_eq!(load(&file, 1000).unwrap(), whole);
}

#[test]
fn a_file_that_ends_early_is_incomplete() {
    let file = model_file();
    let error = load(&file[..file.len() - 1], 1000).unwrap_err();
    assert_eq!(error.code(), "integrity");
    assert_eq!(error.details()["expected"], file.len());
    assert_eq!(load(&file[..100], 1000).unwrap_err().code(), "integrity");
    assert_eq!(load(&[], 1).unwrap_err().code(), "integrity");
}

#[test]
fn what_is_not_a_model_is_refused_at_once() {
    let (mut loader, _) = loader(b"");
    let error = block_on(loader.push(Bytes::Heap(b"<!doctype html><html>"))).unwrap_err();
    assert_eq!(error.code(), "bad-model");
}

#[test]
fn the_context_must_be_one_that_the_model_takes() {
    let code = |context_length| {
        let (backend, _) = FakeBackend::new(b"");
        let options = LoadOptions {
            context_length: Some(context_length),
            max_logits: 1,
            kv: KvFormat::F16,
            platform: platform(),
        };
        let mut loader = Loader::new(backend, options);
        block_on(loader.push(Bytes::Heap(&model_file()))).err().map(|e| e.code())
    };
    assert_eq!(code(CONTEXT), None);
    assert_eq!(code(CONTEXT + 1), Some("invalid-request"));
    assert_eq!(code(0), Some("invalid-request"));
}
