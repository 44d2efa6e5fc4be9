//! Files that are offered for models and are none: what they are, by their first bytes.

use std::fmt;

/// Bytes that tell every [`FileKind`]: a tar archive says what it is at byte 257.
pub(crate) const HEAD_BYTES: usize = 265;
/// A safetensors file begins with the length of its JSON header; the format allows no more than this.
const MAX_SAFETENSORS_HEADER: u64 = 100_000_000;

/// A kind of file that is not GGUF, and that people or servers give in the place of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FileKind {
    /// A web page: the page about a file, a login, an error.
    Html,
    /// Mostly a store's error message.
    Xml,
    /// A server's error message, or one of a model's other files.
    Json,
    /// What Git has in the place of a large file.
    GitLfsPointer,
    /// Weights as Hugging Face stores them.
    Safetensors,
    /// A zip archive; PyTorch's checkpoints are zip archives, too.
    Zip,
    /// A checkpoint of an older PyTorch.
    Pickle,
    /// A file compressed by gzip.
    Gzip,
    /// A tar archive.
    Tar,
    /// What llama.cpp had before GGUF.
    Ggml,
    /// Any other text: a server's message, a README.
    Text,
}

impl FileKind {
    /// The kind of a file that begins with these bytes, where it is one of those known.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<FileKind> {
        use FileKind::{Ggml, GitLfsPointer, Gzip, Html, Json, Pickle, Safetensors, Tar, Xml, Zip};
        let binary: [(&[u8], FileKind); 8] = [
            (b"PK\x03\x04", Zip),
            (b"PK\x05\x06", Zip),
            (b"\x1f\x8b", Gzip),
            (b"\x80\x02", Pickle),
            (b"lmgg", Ggml),
            (b"fmgg", Ggml),
            (b"tjgg", Ggml),
            (b"version https://git-lfs", GitLfsPointer),
        ];
        if let Some((_, kind)) = binary.iter().find(|(start, _)| head.starts_with(start)) {
            return Some(*kind);
        }
        if head.get(257..262) == Some(b"ustar") {
            return Some(Tar);
        }
        if let Some((length, rest)) = head.split_first_chunk::<8>() {
            let length = u64::from_le_bytes(*length);
            if (2..=MAX_SAFETENSORS_HEADER).contains(&length) && rest.first() == Some(&b'{') {
                return Some(Safetensors);
            }
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let begins =
            |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        match text.first()? {
            b'<' if begins(b"<?xml") => Some(Xml),
            b'<' if [&b"<!doctype html"[..], b"<html", b"<head", b"<body", b"<!--"]
                .iter()
                .any(|tag| begins(tag)) =>
            {
                Some(Html)
            }
            b'{' | b'[' => Some(Json),
            _ if is_text(head) => Some(FileKind::Text),
            _ => None,
        }
    }

    /// The kind as a word that a program can compare.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            FileKind::Html => "html",
            FileKind::Xml => "xml",
            FileKind::Json => "json",
            FileKind::GitLfsPointer => "git-lfs",
            FileKind::Safetensors => "safetensors",
            FileKind::Zip => "zip",
            FileKind::Pickle => "pickle",
            FileKind::Gzip => "gzip",
            FileKind::Tar => "tar",
            FileKind::Ggml => "ggml",
            FileKind::Text => "text",
        }
    }
}

/// Whether these bytes are the beginning of a text in UTF-8: without control characters, and more than a word.
fn is_text(head: &[u8]) -> bool {
    const LEAST: usize = 8;
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character is cut at the end.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.len() >= LEAST && !text.chars().any(|c| c.is_control() && !c.is_whitespace())
}

/// What the file is, and what to do.
impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Html => {
                "it is a web page. Use the address of the file itself: on Hugging Face it has /resolve/ in it, not /blob/"
            }
            FileKind::Xml => "it is XML, mostly a server's error message. Check the address of the file",
            FileKind::Json => "it is JSON, such as a server's error message. Use the address of the .gguf file",
            FileKind::GitLfsPointer => {
                "it is a Git LFS pointer. Run `git lfs pull` to get the file, or download it from its page"
            }
            FileKind::Safetensors => {
                "it is a safetensors file. Use a GGUF file of the model, or convert it with llama.cpp"
            }
            FileKind::Zip => {
                "it is a zip archive or a PyTorch checkpoint. Unpack the archive, or use a GGUF file of the model"
            }
            FileKind::Pickle => {
                "it is a PyTorch checkpoint. Use a GGUF file of the model, or convert it with llama.cpp"
            }
            FileKind::Gzip => "it is compressed with gzip. Decompress it first",
            FileKind::Tar => "it is a tar archive. Unpack it first",
            FileKind::Text => "it is a text, such as a server's message. Check the address of the file",
            FileKind::Ggml => "it is in llama.cpp's format from before GGUF. Use a GGUF file of the model",
        })
    }
}
