//! The static server of the demo: the site, the models, and the headers that threads, downloads and caches go by.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// The most headers of a request.
const MAX_HEADERS: usize = 64;
/// How long a connection may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(30);

/// Headers of every answer. The pages have a policy of their own, in which `frame-ancestors` would count for nothing: browsers
/// heed that in a header only. web/docs/serving.md names them to those who host a site.
const ALWAYS: [(&str, &str); 6] = [
    ("Content-Security-Policy", "frame-ancestors 'self'"),
    (
        "Permissions-Policy",
        "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()",
    ),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Connection", "close"),
];

/// What is served.
pub struct Site {
    /// The folder that `/` shows.
    pub pages: PathBuf,
    /// The folder that `/models/` shows.
    pub models: PathBuf,
    /// With COOP and COEP, so that pages may share memory between threads.
    pub isolated: bool,
}

/// A server that has its port.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Takes the port of 127.0.0.1.
    pub fn bind(port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port));
        let listener =
            listener.with_context(|| format!("port {port} cannot be had; choose another with --port"))?;
        Ok(Self { listener })
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        self.listener.local_addr().map_or_else(|_| String::new(), |address| format!("http://{address}/"))
    }

    /// Answers for ever, each connection on a thread of its own: a model on its way to one page holds up no other.
    pub fn serve(self, site: Site) -> Result<()> {
        let site = Arc::new(site);
        for stream in self.listener.incoming() {
            let (stream, site) = (stream?, Arc::clone(&site));
            // A page that went away is nothing to tell anybody of.
            std::thread::spawn(move || converse(stream, &site));
        }
        Ok(())
    }
}

/// Reads one request, answers it, and closes the connection.
fn converse(mut stream: TcpStream, site: &Site) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    let answer = loop {
        let count = stream.read(&mut piece)?;
        head.extend_from_slice(&piece[..count]);
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => break answer(&request, site),
            Ok(httparse::Status::Partial) if count > 0 && head.len() < MAX_HEAD => {}
            _ => break plain(400),
        }
    };
    let (mut said, body) = answer.head(site.isolated);
    said.push_str("\r\n");
    stream.write_all(said.as_bytes())?;
    if let Some(mut body) = body.filter(|_| !head.starts_with(b"HEAD ")) {
        io::copy(&mut body, &mut stream)?;
    }
    stream.shutdown(std::net::Shutdown::Write)
}

/// A body and what is said of it.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Box<dyn Read + Send>,
    length: u64,
}

impl Answer {
    /// Status line and headers, each with its line end; and the body.
    fn head(self, isolated: bool) -> (String, Option<Box<dyn Read + Send>>) {
        let reason = match self.status {
            200 => "OK",
            206 => "Partial Content",
            304 => "Not Modified",
            404 => "Not Found",
            405 => "Method Not Allowed",
            416 => "Range Not Satisfiable",
            500 => "Internal Server Error",
            _ => "Bad Request",
        };
        let isolation: &[_] = if isolated {
            &[("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Embedder-Policy", "require-corp")]
        } else {
            &[]
        };
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        for (name, value) in isolation.iter().chain(&ALWAYS) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A 304 has no body, and its length would be taken for the file's.
        if self.status == 304 {
            return (head, None);
        }
        head.push_str(&format!("Content-Length: {}\r\n", self.length));
        (head, Some(self.body))
    }
}

fn answer(request: &httparse::Request<'_, '_>, site: &Site) -> Answer {
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| String::from_utf8(header.value.to_vec()).ok())
    };
    let asked = Asked {
        range: header("Range"),
        if_range: header("If-Range"),
        if_none_match: header("If-None-Match"),
    };
    match request.method {
        Some("GET" | "HEAD") => {
            let path = request.path.and_then(|path| site.find(path));
            path.map_or_else(|| plain(404), |path| of_file(&path, &asked))
        }
        _ => Answer { headers: vec![("Allow", "GET, HEAD".into())], ..plain(405) },
    }
}

impl Site {
    /// The file that a request's path means, inside one of the folders.
    fn find(&self, url: &str) -> Option<PathBuf> {
        let path = decode(url.split(['?', '#']).next()?)?;
        let path = path.strip_prefix('/')?;
        let (folder, inside) = match path.strip_prefix("models/") {
            Some(file) => (&self.models, file),
            None => (&self.pages, path),
        };
        // Plain names only: no parent, no root, no drive.
        let inside = Path::new(inside);
        if path.contains(['\\', '\0'])
            || !inside.components().all(|part| matches!(part, Component::Normal(_)))
        {
            return None;
        }
        let file = folder.join(inside);
        let file = if file.is_dir() { file.join("index.html") } else { file };
        file.is_file().then_some(file)
    }
}

/// Undoes the percent signs of a path.
fn decode(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                (digit(bytes.next())? * 16 + digit(bytes.next())?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// What of a file is asked for, and whether at all.
#[derive(Default)]
struct Asked {
    range: Option<String>,
    if_range: Option<String>,
    if_none_match: Option<String>,
}

fn plain(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Box::new(io::empty()), length: 0 }
}

fn of_file(path: &Path, asked: &Asked) -> Answer {
    // It may have gone, or be another, since it was found.
    let opened = File::open(path).and_then(|file| file.metadata().map(|metadata| (file, metadata)));
    let Ok((mut file, metadata)) = opened else { return plain(404) };
    let length = metadata.len();
    let modified =
        metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let tag = format!("\"{length:x}-{:x}\"", modified.as_nanos());
    let mut headers = vec![
        ("Content-Type", content_type(path).to_owned()),
        ("Accept-Ranges", "bytes".to_owned()),
        // Ask again each time: the page is rebuilt under the same names.
        ("Cache-Control", "no-cache".to_owned()),
        ("ETag", tag.clone()),
    ];
    if asked.if_none_match.as_ref().is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Answer { headers, ..plain(304) };
    }
    // A range of a file that has changed since would be the wrong half: then the whole is due.
    let same = asked.if_range.as_ref().is_none_or(|known| *known == tag);
    let range =
        asked.range.as_deref().filter(|_| same).map_or(Range::Whole, |range| parse_range(range, length));
    let (status, start, length) = match range {
        Range::Whole => (200, 0, length),
        Range::Part(first, last) => {
            headers.push(("Content-Range", format!("bytes {first}-{last}/{length}")));
            (206, first, last - first + 1)
        }
        Range::Nothing => {
            return Answer { headers: vec![("Content-Range", format!("bytes */{length}"))], ..plain(416) };
        }
    };
    if file.seek(SeekFrom::Start(start)).is_err() {
        return plain(500);
    }
    Answer { status, headers, body: Box::new(file.take(length)), length }
}

/// What a Range header means for a file (RFC 9110, section 14).
#[derive(Debug, PartialEq)]
enum Range {
    /// No range, several, or no known unit: the whole file.
    Whole,
    /// First and last byte.
    Part(u64, u64),
    /// Not one byte of it exists.
    Nothing,
}

fn parse_range(header: &str, length: u64) -> Range {
    let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return Range::Whole;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => Range::Whole,
        (Ok(first), Ok(last)) if first < length => Range::Part(first, last.min(length - 1)),
        (Ok(first), Err(_)) if last.is_empty() && first < length => Range::Part(first, length - 1),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 && length > 0 => {
            Range::Part(length.saturating_sub(count), length - 1)
        }
        (Ok(_), Ok(_)) => Range::Nothing,
        (Ok(_), Err(_)) if last.is_empty() => Range::Nothing,
        (Err(_), Ok(_)) if first.is_empty() => Range::Nothing,
        _ => Range::Whole,
    }
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        // Anything else, and the browser would refuse to compile while it downloads.
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
