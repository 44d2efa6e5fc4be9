//! The GPU work of a decoded token.

use std::path::Path;

use serde_json::Value;

use crate::fixture::{linnet, parts};

/// The counters of a token of a tiny model; `None`, with a printed note, without an adapter.
fn counters(model: &str) -> Option<Value> {
    let file = format!("{}/../../tests/fixtures/tiny/{model}/model.gguf", env!("CARGO_MANIFEST_DIR"));
    let arguments = ["bench", "--json", "--counters", "--backend", "gpu", "--runs", "1"];
    let sizes = ["--prompt-tokens", "9", "--tokens", "64", "--ahead", "16"];
    let all = arguments.iter().chain(&sizes).map(|a| a.as_ref()).chain([Path::new(&file).as_os_str()]);
    let (status, stdout, stderr) = parts(&linnet(all));
    if stderr.contains("no-webgpu") {
        println!("skipped: no adapter");
        return None;
    }
    assert_eq!(status, Some(0), "{stderr}");
    let json: Value = serde_json::from_str(&stdout).unwrap();
    Some(json["counters"].clone())
}

#[test]
fn a_token_creates_no_objects_and_writes_little() {
    // Layers of each model, and the most dispatches allowed per layer and outside of the layers.
    for (model, layers, [per_layer, ends]) in [
        ("llama-rope-freqs", 3, [5, 2]),
        ("gemma3", 7, [5, 2]),
        ("gemma2", 4, [5, 3]),
        ("qwen3moe", 3, [7, 2]),
        ("lfm2", 4, [5, 2]),
        ("phi3", 3, [6, 2]),
        ("gpt-oss", 4, [7, 2]),
    ] {
        let Some(counters) = counters(model) else { return };
        let of = |key: &str| counters[key].as_f64().unwrap();
        for made in ["bind_groups", "buffers", "pipelines"] {
            assert_eq!(of(made), 0.0, "{model}: {made}");
        }
        let most = layers * per_layer + ends;
        assert!(of("dispatches") <= f64::from(most), "{model}: {} of {most}", of("dispatches"));
        assert_eq!(of("submits"), of("readbacks"), "{model}");
        assert!(of("submits") <= 0.25, "{model}: {}", of("submits"));
        assert!(of("bytes_written") <= 64.0 && of("bytes_read") <= 64.0, "{model}: {counters}");
    }
}

/// Uses the timestamps of lavapipe or of the available adapter.
#[test]
fn each_kernel_of_a_step_is_measured_and_charted() {
    let file = format!("{}/../../tests/fixtures/tiny/gemma3/model.gguf", env!("CARGO_MANIFEST_DIR"));
    let picture = std::env::temp_dir().join(format!("linnet-profile-{}.svg", std::process::id()));
    let arguments =
        ["bench", "--json", "--profile", "--backend", "gpu", "--runs", "1", "--prompt-tokens", "9"];
    let all =
        arguments.iter().map(|a| a.as_ref()).chain([Path::new("--tokens"), "4".as_ref(), "--svg".as_ref()]);
    let (status, stdout, stderr) = parts(&linnet(all.chain([picture.as_ref(), Path::new(&file)])));
    if stderr.contains("no-webgpu") || stderr.contains("timestamps") {
        println!("skipped: no adapter with a clock");
        return;
    }
    assert_eq!(status, Some(0), "{stderr}");
    let drawn = std::fs::read_to_string(&picture).unwrap();
    std::fs::remove_file(&picture).unwrap();
    let json: Value = serde_json::from_str(&stdout).unwrap();
    for step in json["profile"].as_array().unwrap() {
        let kinds = step["kinds"].as_array().unwrap();
        let sum: f64 = kinds.iter().map(|kind| kind["share"].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{step}");
        let names: Vec<&str> = kinds.iter().map(|kind| kind["kernel"].as_str().unwrap()).collect();
        assert!(names.iter().any(|name| name.starts_with("mat")), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("attention")), "{names:?}");
        assert!(names.iter().all(|name| drawn.contains(&format!(">{name}<"))), "{drawn}");
    }
    assert_eq!(json["profile"].as_array().unwrap().len(), 2);
}

#[test]
fn the_cpu_has_no_counters() {
    let (status, _, stderr) = parts(&linnet(["bench", "--counters", "none.gguf"]));
    assert!(status == Some(1) && stderr.contains("--counters"), "{stderr}");
}

#[test]
fn the_limits_of_a_gpu_are_measured() {
    let (status, stdout, stderr) = parts(&linnet(["bench", "--ops", "--backend", "gpu", "--json"]));
    if stderr.contains("no-webgpu") {
        println!("skipped: no adapter");
        return;
    }
    assert_eq!(status, Some(0), "{stderr}");
    let limits: Value = serde_json::from_str(&stdout).unwrap();
    for limit in ["read_gb_per_s", "fma_gflop_per_s"] {
        let value = limits[limit].as_f64().unwrap();
        assert!(value > 0.0 && value.is_finite(), "{limit}: {value}");
    }
}
