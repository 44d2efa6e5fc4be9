//! The server as a browser meets it: over a socket.

use super::{Range, Server, Site, decode, parse_range};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

/// A site of one page, one script below it and one model, in a folder of its own; gone when dropped.
struct Fixture {
    folder: PathBuf,
    address: String,
}

impl Fixture {
    fn new(name: &str, isolated: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("xtask-serve-{}-{name}", std::process::id()));
        let (pages, models) = (folder.join("pages"), folder.join("models"));
        fs::create_dir_all(pages.join("assets")).unwrap();
        fs::create_dir_all(&models).unwrap();
        fs::write(pages.join("index.html"), "<p>hello</p>").unwrap();
        fs::write(pages.join("assets/linnet.wasm"), [0, 1, 2, 3]).unwrap();
        fs::write(folder.join("secret"), "secret").unwrap();
        fs::write(models.join("tiny.gguf"), (0..=255).cycle().take(100_000).collect::<Vec<u8>>()).unwrap();
        let server = Server::bind(0).unwrap();
        let address = server.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        std::thread::spawn(move || server.serve(Site { pages, models, isolated }));
        Self { folder, address }
    }

    /// Status line and headers, and the body.
    fn ask(&self, method: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn pages_and_wasm_come_with_their_types_and_isolated() {
    let site = Fixture::new("types", true);
    let (head, body) = site.ask("GET", "/?backend=cpu", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("Content-Type: text/html; charset=utf-8"), "{head}");
    assert!(head.contains("Cross-Origin-Opener-Policy: same-origin"), "{head}");
    assert!(head.contains("Cross-Origin-Embedder-Policy: require-corp"), "{head}");
    assert_eq!(body, b"<p>hello</p>");
    let (head, _) = site.ask("GET", "/assets/linnet.wasm", "");
    assert!(head.contains("Content-Type: application/wasm"), "{head}");
}

#[test]
fn without_isolation_neither_header_is_sent() {
    let site = Fixture::new("plain", false);
    let (head, _) = site.ask("GET", "/", "");
    assert!(!head.contains("Opener") && !head.contains("Embedder"), "{head}");
}

#[test]
fn every_answer_has_the_headers_that_protect_a_page() {
    let site = Fixture::new("protect", true);
    for (method, path) in [("GET", "/"), ("GET", "/assets/linnet.wasm"), ("GET", "/nowhere"), ("POST", "/")] {
        let (head, _) = site.ask(method, path, "");
        for line in [
            "Content-Security-Policy: frame-ancestors 'self'",
            "Referrer-Policy: same-origin",
            "X-Content-Type-Options: nosniff",
            "Cross-Origin-Resource-Policy: same-origin",
        ] {
            assert!(head.lines().any(|found| found == line), "{path}: {line} in {head}");
        }
        assert!(head.contains("Permissions-Policy: camera=()"), "{head}");
    }
}

#[test]
fn a_broken_download_can_go_on_where_it_stopped() {
    let site = Fixture::new("range", true);
    let (head, whole) = site.ask("GET", "/models/tiny.gguf", "");
    assert!(head.contains("Content-Length: 100000") && head.contains("Accept-Ranges: bytes"), "{head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();

    let (head, rest) =
        site.ask("GET", "/models/tiny.gguf", &format!("Range: bytes=99000-\r\nIf-Range: {tag}\r\n"));
    assert!(
        head.starts_with("HTTP/1.1 206") && head.contains("Content-Range: bytes 99000-99999/100000"),
        "{head}"
    );
    assert_eq!(rest, whole[99000..]);

    let (head, all) = site.ask("GET", "/models/tiny.gguf", "Range: bytes=99000-\r\nIf-Range: \"other\"\r\n");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(all, whole);

    let (head, none) = site.ask("GET", "/models/tiny.gguf", "Range: bytes=100000-\r\n");
    assert!(head.starts_with("HTTP/1.1 416") && head.contains("Content-Range: bytes */100000"), "{head}");
    assert!(none.is_empty());

    let (head, none) = site.ask("GET", "/models/tiny.gguf", &format!("If-None-Match: {tag}\r\n"));
    assert!(head.starts_with("HTTP/1.1 304") && none.is_empty(), "{head}");
}

#[test]
fn head_tells_the_length_and_sends_nothing() {
    let site = Fixture::new("head", true);
    let (head, body) = site.ask("HEAD", "/models/tiny.gguf", "");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("Content-Length: 100000"), "{head}");
    assert!(body.is_empty());
}

#[test]
fn nothing_outside_the_folders_is_served() {
    let site = Fixture::new("outside", true);
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/assets/../../secret",
        "/models/../secret",
        "/models//secret/",
        "/%",
        "/a%00",
    ] {
        let (head, _) = site.ask("GET", path, "");
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
    }
    let (head, _) = site.ask("POST", "/", "Content-Length: 0\r\n");
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
}

#[test]
fn a_reader_who_dawdles_holds_up_nobody() {
    let site = Fixture::new("slow", true);
    // More than any socket's buffer holds, so that each of these answers is stuck half-way.
    fs::File::create(site.folder.join("models/huge.gguf")).unwrap().set_len(1 << 28).unwrap();
    let mut slow = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(&site.address).unwrap();
        write!(stream, "GET /models/huge.gguf HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        slow.push(stream);
    }
    assert!(site.ask("GET", "/", "").0.starts_with("HTTP/1.1 200"));
}

#[test]
fn ranges_are_read_as_the_standard_says() {
    assert_eq!(parse_range("bytes=0-0", 10), Range::Part(0, 0));
    assert_eq!(parse_range("bytes=4-", 10), Range::Part(4, 9));
    assert_eq!(parse_range("bytes=4-99", 10), Range::Part(4, 9));
    assert_eq!(parse_range("bytes=-3", 10), Range::Part(7, 9));
    assert_eq!(parse_range("bytes=-30", 10), Range::Part(0, 9));
    assert_eq!(parse_range("bytes=10-", 10), Range::Nothing);
    assert_eq!(parse_range("bytes=-0", 10), Range::Nothing);
    assert_eq!(parse_range("bytes=0-", 0), Range::Nothing);
    for whole in ["bytes=5-4", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b", "bytes=-", "bytes"] {
        assert_eq!(parse_range(whole, 10), Range::Whole, "{whole}");
    }
}

#[test]
fn percent_signs_are_undone_or_refused() {
    assert_eq!(decode("/a%20b%C3%A9").as_deref(), Some("/a bé"));
    assert_eq!(decode("/a%2"), None);
    assert_eq!(decode("/a%ff"), None);
}
