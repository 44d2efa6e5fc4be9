//! Models of random weights, as files and without.

use std::fs;

use serde_json::Value;

use crate::fixture::{folder, linnet, parts};

#[test]
fn a_file_is_a_model() {
    let file = folder("synth").join("model.gguf");
    let path = file.to_str().unwrap();
    let (status, stdout, stderr) =
        parts(&linnet(["synth", "--arch", "gpt-oss-20b", "--tiny", "--layers", "2", path]));
    assert_eq!(status, Some(0), "{stderr}");
    let bytes = fs::metadata(&file).unwrap().len();
    assert!(stdout.contains(&format!("{bytes} bytes")), "{stdout}");

    let (status, stdout, _) = parts(&linnet(["inspect", path]));
    assert_eq!(status, Some(0));
    assert!(stdout.contains("blk.1.ffn_down_exps.weight") && !stdout.contains("blk.2."), "{stdout}");
    assert!(stdout.contains(&format!("{bytes} announced by the header")), "{stdout}");

    let chat =
        ["chat", path, "--prompt", "abc", "--greedy", "--ignore-eos", "--max-tokens", "3", "--print-tokens"];
    let (status, stdout, stderr) = parts(&linnet(chat));
    assert_eq!(status, Some(0), "{stderr}");
    assert!(stdout.contains('['), "{stdout}");
}

#[test]
fn bench_needs_no_file() {
    let sizes = ["--prompt-tokens", "5", "--tokens", "3", "--runs", "1"];
    let arguments = ["bench", "--json", "--synth", "qwen3.5-4b", "--tiny", "--quant", "q4_k"];
    let (status, stdout, stderr) = parts(&linnet(arguments.iter().chain(&sizes)));
    assert_eq!(status, Some(0), "{stderr}");
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["model"]["architecture"], "qwen35");
    assert!(json["decode"]["median"].as_f64().unwrap() > 0.0);
}

#[test]
fn an_impossible_model_is_an_error() {
    let refused = |arguments: &[&str], code: &str| {
        let (status, stdout, stderr) = parts(&linnet(arguments));
        assert_eq!((status, stdout.as_str()), (Some(1), ""), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with(&format!("error [{code}]: ")), "{arguments:?}: {stderr}");
    };
    let folder = folder("synth_refused");
    let (inside, beyond) = (folder.join("x.gguf"), folder.join("none").join("x.gguf"));
    let [inside, beyond, folder] = [&inside, &beyond, &folder].map(|path| path.to_str().unwrap());
    refused(&["synth", "--arch", "hal-9000", inside], "invalid-request");
    refused(&["synth", "--arch", "qwen3-4b", "--layers", "99", inside], "invalid-request");
    refused(&["synth", "--arch", "qwen3-4b", "--tiny", beyond], "not-found");
    refused(&["synth", "--arch", "qwen3-4b", "--tiny", folder], "invalid-request");
    refused(&["bench", "--synth", "hal-9000"], "invalid-request");
    // A full disk.
    if cfg!(target_os = "linux") {
        refused(&["synth", "--arch", "qwen3-4b", "--tiny", "/dev/full"], "quota");
    }
    assert!(!fs::exists(inside).unwrap());
}
