//! Recognizes other file types by their first bytes.

use std::fmt;

/// Bytes needed to recognize every [`FileKind`]: a tar archive has its magic number at byte 257.
pub(crate) const HEAD_BYTES: usize = 265;
/// A safetensors file begins with the length of its JSON header; this is the format's maximum.
const MAX_SAFETENSORS_HEADER: u64 = 100_000_000;

/// A kind of file that people or servers often provide instead of a GGUF file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FileKind {
    /// A web page: a download page, a login page, an error page.
    Html,
    /// XML, usually an object store's error message.
    Xml,
    /// JSON: a server's error message, or another file of a model.
    Json,
    /// A Git LFS pointer.
    GitLfsPointer,
    /// Weights in the safetensors format of Hugging Face.
    Safetensors,
    /// A zip archive; PyTorch checkpoints are zip archives, too.
    Zip,
    /// A checkpoint of an older PyTorch version.
    Pickle,
    /// A gzip file.
    Gzip,
    /// A tar archive.
    Tar,
    /// A llama.cpp format older than GGUF.
    Ggml,
    /// Any other text file: an error page, a README.
    Text,
}

impl FileKind {
    /// The kind of a file that starts with these bytes, if it is known.
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

    /// The kind as a stable identifier for programs.
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

/// Whether these bytes are the start of a UTF-8 text: without control characters, and longer than a word.
fn is_text(head: &[u8]) -> bool {
    const LEAST: usize = 8;
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character is cut off.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.len() >= LEAST && !text.chars().any(|c| c.is_control() && !c.is_whitespace())
}

/// Says what the file is and what to do.
impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FileKind::Html => {
                "it is a web page. Use the address of the file itself: on Hugging Face it has /resolve/ in it, \
                 not /blob/"
            }
            FileKind::Xml => "it is XML, usually a server's error message. Check the address of the file",
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
            FileKind::Text => "it is a text file, such as an error page. Check the address of the file",
            FileKind::Ggml => "it is in a llama.cpp format older than GGUF. Use a GGUF file of the model",
        })
    }
}
