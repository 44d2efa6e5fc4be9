//! The CPU backend against the oracles: natively, and as wasm in Node, where a page's kernels are.

use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_tests::judge_all;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn backend(threads: usize, portable: bool) -> CpuBackend {
    CpuBackend::new(CpuOptions { threads: Some(threads), portable, precise: false })
}

#[test]
fn the_best_kernels_of_this_processor() {
    judge_all(|| backend(1, false));
}

/// Weights as f32.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn without_rounding() {
    judge_all(|| CpuBackend::new(CpuOptions { precise: true, ..CpuOptions::default() }));
}

#[cfg(target_arch = "wasm32")]
#[test]
fn a_module_has_the_kernels_it_was_compiled_for() {
    use linnet_graph::Backend;
    assert_eq!(backend(1, true).capabilities().features, ["simd128"]);
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn the_portable_kernels() {
    judge_all(|| backend(1, true));
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for case in linnet_tests::cases() {
        let logits = |threads| linnet_tests::logits(|| backend(threads, false), &case).map_err(|f| f.what);
        let one = logits(1);
        for threads in [2, 3] {
            assert!(one.is_ok() && one == logits(threads), "{} with {threads} threads", case.name);
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn each_comparison_can_fail() {
    linnet_tests::sabotage_all(|| backend(1, false));
}
