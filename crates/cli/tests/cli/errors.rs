//! Every failure ends with one sentence, a code and exit code 1.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::fixture::{self, command, linnet, parts};

/// Runs `chat`, `bench` and `inspect` on `file`: each must fail with `code`.
fn all_fail(file: &Path, code: &str) {
    for arguments in [vec!["chat", "--prompt", "hi"], vec!["bench"], vec!["inspect", "--graph"]] {
        let output = linnet(arguments.iter().map(|a| a.as_ref()).chain([file.as_os_str()]));
        let (status, stdout, stderr) = parts(&output);
        assert_eq!(status, Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with(&format!("error [{code}]: ")), "{arguments:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
        assert!(arguments[0] == "inspect" || stdout.is_empty(), "{arguments:?}: {stdout}");
    }
}

#[test]
fn a_missing_file_and_a_folder() {
    let folder = fixture::folder("missing");
    all_fail(&folder.join("no\u{1b}[31m.gguf"), "not-found");
    all_fail(&folder, "invalid-request");
}

#[test]
fn a_file_that_is_not_a_model() {
    let folder = fixture::folder("not_a_model");
    let file = folder.join("x.gguf");
    for (content, code) in [
        (&b"<!doctype html><html></html>"[..], "bad-model"),
        (b"GGUF\x07\0\0\0", "bad-model"),
        (b"", "integrity"),
        (b"GG", "integrity"),
        (b"GGUF\x03\0\0\0", "integrity"),
    ] {
        fs::write(&file, content).unwrap();
        all_fail(&file, code);
    }
}

#[test]
fn an_unsupported_architecture_can_be_inspected_but_not_run() {
    let folder = fixture::folder("unsupported");
    let file = folder.join("x.gguf");
    fs::write(&file, fixture::model("martian")).unwrap();
    all_fail(&file, "unsupported-architecture");
    let (status, stdout, _) = parts(&linnet(["inspect".as_ref(), file.as_os_str()]));
    assert_eq!(status, Some(0));
    assert!(stdout.contains("general.architecture = \"martian\""), "{stdout}");
}

#[test]
fn a_truncated_file() {
    let folder = fixture::folder("truncated");
    let file = folder.join("x.gguf");
    let model = fixture::model("llama");
    fs::write(&file, &model[..model.len() - 100]).unwrap();
    let (status, _, stderr) = parts(&linnet(["chat".as_ref(), "--prompt=hi".as_ref(), file.as_os_str()]));
    assert_eq!(status, Some(1));
    assert!(stderr.starts_with("error [integrity]: "), "{stderr}");
    let (status, stdout, _) = parts(&linnet(["inspect".as_ref(), file.as_os_str()]));
    assert_eq!(status, Some(0), "inspecting needs only the header");
    assert!(stdout.contains("INCOMPLETE"), "{stdout}");
}

#[test]
fn impossible_requests() {
    let folder = fixture::folder("requests");
    let file = folder.join("x.gguf");
    fs::write(&file, fixture::model("llama")).unwrap();
    let long = "a".repeat(fixture::CONTEXT as usize);
    for (arguments, code) in [
        (vec!["chat", "--prompt", &long], "context-full"),
        (vec!["chat", "--prompt", "hi", "--top-p", "2"], "invalid-request"),
        (vec!["chat", "--prompt", "hi", "--max-tokens", "0"], "invalid-request"),
        (vec!["chat", "--prompt", "hi", "--context", "65"], "invalid-request"),
        (vec!["bench", "--prompt-tokens", "60", "--tokens", "5"], "invalid-request"),
    ] {
        let output = linnet(arguments.iter().map(|a| a.as_ref()).chain([file.as_os_str()]));
        let (status, _, stderr) = parts(&output);
        assert_eq!(status, Some(1), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with(&format!("error [{code}]: ")), "{arguments:?}: {stderr}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [&["sing"][..], &["chat"], &["verify"], &["bench", "x", "--threads", "0"]] {
        assert_eq!(linnet(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_wrong_sampling_parameter_is_named_by_its_flag() {
    for (flag, value, why) in [
        ("--top-k", "-1", "`top_k` is -1, but must be a whole number, 0 or more"),
        ("--top-k", "1.5", "`top_k` is 1.5, but must be a whole number, 0 or more"),
        ("--min-p", "x", "not a number"),
    ] {
        let (status, _, stderr) = parts(&linnet(["chat", "x", &format!("{flag}={value}")]));
        assert_eq!(status, Some(2), "{flag} {value}: {stderr}");
        assert!(
            stderr.starts_with(&format!("error: invalid value '{value}' for '{flag} <X>': {why}\n")),
            "{stderr}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_does_not_panic() {
    let folder = fixture::folder("pipe");
    let file = folder.join("x.gguf");
    fs::write(&file, fixture::model("llama")).unwrap();
    for arguments in
        [vec!["inspect"], vec!["chat", "--raw", "--prompt", "hi", "--ignore-eos", "--max-tokens", "20"]]
    {
        let arguments = arguments.iter().map(|a| a.as_ref()).chain([file.as_os_str()]);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child =
            command(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let (status, _, stderr) = parts(&child.wait_with_output().unwrap());
        assert_eq!((status, stderr.as_str()), (Some(141), ""));
    }
}
