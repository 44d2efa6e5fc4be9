//! Reads model files in chunks, never whole.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use linnet_engine::{Engine, LoadOptions, Loader};
use linnet_gguf::{Gguf, HeaderParser, Split};
use linnet_graph::{Backend, Bytes, KvFormat};
use sha2::{Digest, Sha256};

use crate::backend::BackendOptions;
use crate::failure::Failure;
use crate::platform::PLATFORM;

/// The model, and where it runs.
#[derive(Args, Debug)]
pub struct ModelOptions {
    /// A GGUF file
    model: PathBuf,
    #[command(flatten)]
    pub backend: BackendOptions,
    /// Context length in tokens [default: 4096, or less if the model was trained for less or memory is short]
    #[arg(long, value_name = "N")]
    context: Option<usize>,
}

impl ModelOptions {
    /// Loads the model.
    ///
    /// # Errors
    /// Those of [`load`].
    pub fn load<B: Backend>(&self, backend: B) -> Result<Engine<B>, Failure> {
        load(&self.model, backend, (self.context, self.backend.kv()), 1, None)
    }
}

/// Bytes per chunk.
const PIECE: usize = 2 << 20;
/// Bytes per chunk when only the header is needed.
const HEADER_PIECE: usize = 64 << 10;

/// Reads only the header of a model file.
///
/// # Errors
/// [`Failure::File`]; `bad-model` and `unsupported-quantization` from the parser.
pub fn read_header(path: &Path) -> Result<Gguf, Failure> {
    let mut parser = HeaderParser::new();
    let mut header = None;
    each_piece(path, HEADER_PIECE, |piece| {
        header = parser.push(piece)?;
        Ok(header.is_none())
    })?;
    match header {
        Some(header) => Ok(header),
        None => Err(parser.incomplete().into()),
    }
}

/// The files of the model that `path` belongs to, in order: `path` itself, or all parts of a split model
/// (`NAME-00001-of-00003.gguf`).
fn files_of(path: &Path, header: &Gguf) -> Result<Vec<PathBuf>, Failure> {
    let Some(Split { no, count, .. }) = header.split()? else { return Ok(vec![path.to_owned()]) };
    let ending = |no: u32| format!("-{:05}-of-{count:05}.gguf", u64::from(no) + 1);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The names of the other parts derive from this file's name.
    let Some(name) = name.strip_suffix(&ending(no)) else {
        header.require_whole()?;
        return Ok(vec![path.to_owned()]);
    };
    Ok((0..count).map(|no| path.with_file_name(format!("{name}{}", ending(no)))).collect())
}

/// Loads a model into `backend`. If `path` is part of a split model, loads all its parts. `digest` sees all
/// bytes.
///
/// # Errors
/// [`Failure::File`]; any error of the engine's loader.
pub fn load<B: Backend>(
    path: &Path,
    backend: B,
    (context_length, kv): (Option<usize>, KvFormat),
    max_logits: usize,
    mut digest: Option<&mut Sha256>,
) -> Result<Engine<B>, Failure> {
    let options = LoadOptions { context_length, max_logits, kv, memory_limit: None, platform: PLATFORM };
    let files = files_of(path, &read_header(path)?)?;
    let mut loader = Loader::new(backend, options);
    for file in &files[1..] {
        let mut complete = false;
        each_piece(file, HEADER_PIECE, |piece| {
            complete = loader.read_ahead(Bytes::Heap(piece))?;
            Ok(!complete)
        })?;
        if !complete {
            loader.read_ahead(Bytes::Heap(&[]))?;
        }
    }
    for (no, file) in files.iter().enumerate() {
        if no > 0 {
            loader.next_part()?;
        }
        each_piece(file, PIECE, |piece| {
            if let Some(digest) = &mut digest {
                digest.update(piece);
            }
            pollster::block_on(loader.push(Bytes::Heap(piece)))?;
            Ok(true)
        })?;
    }
    Ok(pollster::block_on(loader.finish())?)
}

/// Passes the bytes of a file to `take`, in order, until it returns false or the file ends.
fn each_piece(
    path: &Path,
    size: usize,
    mut take: impl FnMut(&[u8]) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut file = File::open(path).map_err(Failure::file(path))?;
    let mut piece = vec![0; size];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                if !take(&piece[..read])? {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::file(path)(error)),
        }
    }
}
