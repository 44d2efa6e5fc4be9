//! Headers with one error each, built byte by byte.

use linnet_gguf::{FileKind, Gguf, GgufError, limits};

use crate::sample::{parse_in_chunks, writer};

/// Appends little-endian items.
#[derive(Clone, Default)]
struct Raw(Vec<u8>);

impl Raw {
    fn header(tensors: u64, metadata: u64) -> Raw {
        Raw(b"GGUF".to_vec()).u32(3).u64(tensors).u64(metadata)
    }

    fn u32(mut self, value: u32) -> Raw {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Raw {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn string(self, text: impl AsRef<[u8]>) -> Raw {
        let mut raw = self.u64(text.as_ref().len() as u64);
        raw.0.extend(text.as_ref());
        raw
    }

    fn tensor(self, name: &str, dims: &[u64], id: u32, offset: u64) -> Raw {
        let mut raw = self.string(name).u32(dims.len() as u32);
        for dim in dims {
            raw = raw.u64(*dim);
        }
        raw.u32(id).u64(offset)
    }

    /// The error, which must not depend on the chunk size.
    fn error(&self) -> GgufError {
        let whole = Gguf::parse(&self.0).expect_err("this header is wrong");
        for chunk in [1, 5] {
            assert_eq!(parse_in_chunks(&self.0, chunk), Err(whole.clone()), "chunks of {chunk}");
        }
        whole
    }
}

const F32: u32 = 0;
const Q4_0: u32 = 2;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

#[test]
fn other_files_are_not_gguf() {
    for start in [&b"ggjt"[..], b"<!DOCTYPE html>", b"PK\x03\x04", b"FUGG\0\0\0\x03"] {
        let error = Gguf::parse(start).expect_err("not GGUF");
        assert!(matches!(error, GgufError::NotGguf { offset: 0, .. }), "{error:?}");
    }
}

#[test]
fn other_file_types_are_named() {
    let mut tar = b"model/".to_vec();
    tar.resize(257, 0);
    tar.extend_from_slice(b"ustar\x0000");
    let safetensors = [&60_u64.to_le_bytes()[..], b"{\"a\":{\"dtype\":\"F32\"}}"].concat();
    let cases: [(&[u8], FileKind); 16] = [
        (b"<!DOCTYPE html><html></html>", FileKind::Html),
        (b"\xef\xbb\xbf\n  <HTML lang=en>", FileKind::Html),
        (b"<?xml version=\"1.0\"?><Error/>", FileKind::Xml),
        (b"{\"error\":\"not found\"}", FileKind::Json),
        (b" [1, 2]", FileKind::Json),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", FileKind::GitLfsPointer),
        (&safetensors, FileKind::Safetensors),
        (b"PK\x03\x04\0\0", FileKind::Zip),
        (b"\x80\x02}q\0", FileKind::Pickle),
        (b"\x1f\x8b\x08\0", FileKind::Gzip),
        (&tar, FileKind::Tar),
        (b"tjgg\x03\0\0\0", FileKind::Ggml),
        (b"lmgg", FileKind::Ggml),
        (b"fmgg", FileKind::Ggml),
        (b"Not Found", FileKind::Text),
        ("Zugriff verweigert: ü\n".as_bytes(), FileKind::Text),
    ];
    for (start, expected) in cases {
        for length in [start.len(), 300, 100_000] {
            let mut file = start.to_vec();
            file.resize(length.max(start.len()), b' ');
            let error = Raw(file).error();
            assert!(
                matches!(error, GgufError::NotGguf { kind: Some(kind), .. } if kind == expected),
                "{error:?}"
            );
            assert!(error.to_string().starts_with("not a GGUF file: it is "), "{error}");
        }
    }
    let error = Raw(b"noth\x01\x02\x03\x04 that is known".to_vec()).error();
    assert_eq!(error.to_string(), "not a GGUF file: it starts with [6e, 6f, 74, 68]");
    assert_eq!(Raw(b"GG".to_vec()).error(), GgufError::Truncated { offset: 2 });
}

#[test]
fn other_versions_are_rejected_by_number() {
    for version in [0, 1, 4, 99] {
        let raw = Raw(b"GGUF".to_vec()).u32(version);
        assert_eq!(raw.error(), GgufError::UnsupportedVersion { offset: 4, version });
    }
    let raw = Raw(b"GGUF".to_vec()).u32(3_u32.swap_bytes());
    assert_eq!(raw.error(), GgufError::BigEndian { offset: 4 });
}

#[test]
fn a_file_that_ends_anywhere_in_its_header_is_truncated() {
    let bytes = writer().to_bytes();
    let end = Gguf::parse(&bytes).expect("a good header").header_len as usize;
    assert_eq!(Gguf::parse(&[]).expect_err("an empty file"), GgufError::Empty);
    for length in 1..end {
        let error = Gguf::parse(&bytes[..length]).expect_err("a truncated header");
        assert_eq!(error, GgufError::Truncated { offset: length as u64 });
    }
    assert!(Gguf::parse(&bytes[..end]).is_ok());
}

#[test]
fn counts_are_rejected_before_their_items_are_read() {
    let too_large = |raw: Raw, expected: &str| match raw.error() {
        GgufError::TooLarge { what, .. } if what == expected => {}
        other => panic!("{expected}: {other:?}"),
    };
    too_large(Raw::header(u64::MAX, 0), "tensors");
    too_large(Raw::header(0, limits::MAX_METADATA + 1), "metadata pairs");
    too_large(Raw::header(0, 1).u64(u64::MAX), "bytes of a key");
    too_large(Raw::header(0, 1).u64(limits::MAX_KEY_BYTES + 1), "bytes of a key");
    too_large(
        Raw::header(0, 1).string("k").u32(STRING).u64(limits::MAX_STRING_BYTES + 1),
        "bytes of a string",
    );
    too_large(Raw::header(0, 1).string("k").u32(ARRAY).u32(0).u64(u64::MAX), "elements of an array");
    too_large(
        Raw::header(0, 1).string("k").u32(ARRAY).u32(10).u64((64 << 20) / 8 + 1),
        "elements of an array",
    );
    too_large(Raw::header(1, 0).u64(limits::MAX_NAME_BYTES + 1), "bytes of a tensor's name");
    too_large(Raw::header(1, 0).string("t").u32(5), "dimensions of a tensor");
    let mut deep = Raw::header(0, 1).string("k").u32(ARRAY);
    for _ in 0..limits::MAX_ARRAY_DEPTH {
        deep = deep.u32(ARRAY).u64(1);
    }
    too_large(deep, "nested arrays");
}

#[test]
fn an_endless_header_is_rejected() {
    // Many long strings, each within the limit.
    let mut bytes = Raw::header(0, 100).0;
    for i in 0..5 {
        let text = vec![b'x'; limits::MAX_STRING_BYTES as usize];
        bytes.extend(Raw::default().string(i.to_string()).u32(STRING).string(text).0);
    }
    let error = Gguf::parse(&bytes).expect_err("an endless header");
    assert!(matches!(error, GgufError::TooLarge { what: "bytes of the header", .. }), "{error:?}");
}

#[test]
fn strings_must_be_utf8() {
    let not_utf8 = |raw: Raw, offset: u64, what: &str| {
        assert_eq!(raw.error(), GgufError::NotUtf8 { offset, what: what.to_owned() });
    };
    not_utf8(Raw::header(0, 1).string([0xFF]), 24, "a key");
    not_utf8(Raw::header(0, 1).string("k").u32(STRING).string([0xC3]), 37, "k");
    not_utf8(
        Raw::header(0, 1).string("k").u32(ARRAY).u32(STRING).u64(2).string("ok").string([0x80]),
        59,
        "k",
    );
    not_utf8(Raw::header(1, 0).string([0xED, 0xA0, 0x80]), 24, "a tensor's name");
}

#[test]
fn types_and_booleans_must_be_known() {
    let key = || "k".to_owned();
    let raw = Raw::header(0, 1).string("k").u32(13);
    assert_eq!(raw.error(), GgufError::UnknownValueType { offset: 33, key: key(), id: 13 });
    let raw = Raw::header(0, 1).string("k").u32(ARRAY).u32(77).u64(0);
    assert_eq!(raw.error(), GgufError::UnknownValueType { offset: 37, key: key(), id: 77 });
    let mut raw = Raw::header(0, 1).string("k").u32(7);
    raw.0.push(2);
    assert_eq!(raw.error(), GgufError::BadBool { offset: 37, key: key(), value: 2 });
    let mut raw = Raw::header(0, 1).string("k").u32(ARRAY).u32(7).u64(2);
    raw.0.extend([1, 255]);
    assert_eq!(raw.error(), GgufError::BadBool { offset: 50, key: key(), value: 255 });
}

#[test]
fn keys_and_tensor_names_are_unique() {
    let raw = Raw::header(0, 2).string("k").u32(4).u32(1).string("k");
    assert_eq!(raw.error(), GgufError::DuplicateKey { offset: 41, key: "k".to_owned() });
    let raw = Raw::header(2, 0).tensor("t", &[8], F32, 0).tensor("t", &[8], F32, 32);
    assert_eq!(raw.error(), GgufError::DuplicateTensor { offset: 57, tensor: "t".to_owned() });
}

#[test]
fn the_alignment_is_a_power_of_two() {
    for alignment in [0, 3, 33, 1 << 21] {
        let raw = Raw::header(0, 1).string("general.alignment").u32(4).u32(alignment);
        let expected = GgufError::BadAlignment { offset: 53, alignment: alignment.into() };
        assert_eq!(raw.error(), expected);
    }
    let raw = Raw::header(0, 1).string("general.alignment").u32(STRING).string("32");
    assert!(matches!(raw.error(), GgufError::WrongType { offset: 53, .. }));
    let raw = Raw::header(0, 1).string("general.alignment").u32(4).u32(1);
    assert_eq!(Gguf::parse(&raw.0).map(|header| (header.alignment, header.data_offset)), Ok((1, 57)));
}

#[test]
fn shapes_must_be_possible() {
    let reason = |dims: &[u64], id: u32| match Raw::header(1, 0).tensor("t", dims, id, 0).error() {
        GgufError::BadShape { offset: 24, reason, dims: found, .. } if found == dims => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&[0], F32), "one is 0");
    assert_eq!(reason(&[32, 0], Q4_0), "one is 0");
    assert_eq!(reason(&[48], Q4_0), "a row is not a whole number of blocks");
    assert_eq!(reason(&[16, 2], Q4_0), "a row is not a whole number of blocks");
    assert_eq!(reason(&[1 << 62], F32), "the size overflows");
    assert_eq!(reason(&[1 << 32, 1 << 32], F32), "the size overflows");
    assert_eq!(reason(&[u64::MAX - 31, 1, 1, 32], Q4_0), "the size overflows");
    let scalar = Raw::header(1, 0).tensor("t", &[], F32, 0);
    let header = Gguf::parse(&scalar.0).expect("a tensor without dimensions is one value");
    assert_eq!((&header.tensors[0].dims, header.tensors[0].bytes), (&vec![1], 4));
}

#[test]
fn types_that_are_not_weights_are_unsupported() {
    for id in [4, 9, 15, 24, 28, 36, 43, u32::MAX] {
        let raw = Raw::header(1, 0).tensor("t", &[256], id, 0);
        assert_eq!(raw.error(), GgufError::UnsupportedType { offset: 24, tensor: "t".to_owned(), id });
    }
}

#[test]
fn tensor_offsets_are_validated() {
    let raw = Raw::header(1, 0).tensor("t", &[8], F32, 16);
    let expected = GgufError::Misaligned { offset: 24, tensor: "t".to_owned(), start: 16, alignment: 32 };
    assert_eq!(raw.error(), expected);
    for offset in [u64::MAX - 31, u64::MAX - 95] {
        let raw = Raw::header(1, 0).tensor("t", &[8], F32, offset);
        assert_eq!(raw.error(), GgufError::OutOfBounds { offset: 24, tensor: "t".to_owned() });
    }
}

#[test]
fn tensors_do_not_overlap() {
    let raw = Raw::header(2, 0).tensor("late", &[8], F32, 32).tensor("early", &[9], F32, 0);
    let expected = GgufError::Overlap { offset: 24, tensor: "late".to_owned(), other: "early".to_owned() };
    assert_eq!(raw.error(), expected);
    let raw = Raw::header(2, 0).tensor("one", &[8], F32, 64).tensor("two", &[8], F32, 64);
    assert!(matches!(raw.error(), GgufError::Overlap { .. }));
}

#[test]
fn tensors_may_come_in_any_order_and_with_gaps() {
    let raw = Raw::header(2, 0).tensor("late", &[8], F32, 128).tensor("early", &[8], F32, 0);
    let header = Gguf::parse(&raw.0).expect("a good header");
    let names: Vec<_> = header.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["late", "early"]);
    assert_eq!(header.file_len(), header.data_offset + 160);
}
