//! The CPU backend against the oracles: natively, and as wasm in Node.

use linnet_cpu::{CpuBackend, CpuOptions};
#[cfg(target_arch = "wasm32")]
use linnet_graph::Backend;
#[cfg(not(target_arch = "wasm32"))]
use linnet_tests::judge_all;
use linnet_tests::judge_every;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn backend(threads: usize, portable: bool) -> CpuBackend {
    CpuBackend::new(CpuOptions { threads: Some(threads), portable, precise: false })
}

#[test]
fn the_best_kernels_of_this_processor() {
    // An emulator takes a hundred times as long, so it runs only each nth case.
    let nth = std::env::var("LINNET_EVERY_NTH").map_or(1, |nth| nth.parse().expect("a number"));
    judge_every(nth, || backend(1, false));
}

/// Exports for the runner of the wasm tests.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
mod threads {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static EXPECTED: AtomicUsize = AtomicUsize::new(0);

    /// Registers a thread.
    #[unsafe(no_mangle)]
    extern "C" fn take_slot() -> usize {
        linnet_cpu::take_slot().expect("a slot")
    }

    /// Runs the jobs of a thread.
    #[unsafe(no_mangle)]
    extern "C" fn work(slot: usize) {
        linnet_cpu::work(slot);
    }

    /// Number of registered threads.
    #[unsafe(no_mangle)]
    extern "C" fn expect_workers(count: usize) {
        EXPECTED.store(count, Ordering::Relaxed);
    }

    /// Number of threads, including the calling one.
    pub fn count() -> usize {
        1 + EXPECTED.load(Ordering::Relaxed)
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
#[test]
fn a_pool_has_the_threads_that_have_come() {
    let all = CpuBackend::new(CpuOptions::default());
    assert_eq!(all.capabilities().threads, threads::count());
    assert_eq!(backend(2, false).capabilities().threads, 1, "another pool has them");
    drop(all);
    assert_eq!(backend(2, false).capabilities().threads, threads::count().min(2));
    assert_eq!(backend(100, false).capabilities().threads, threads::count());
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
    let features = backend(1, true).capabilities().features.clone();
    assert!(features == ["simd128"] || features == ["relaxed-simd"], "{features:?}");
}

/// A digest of all results, to the last bit (FNV-1a). The runner compares the modules of different kinds.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
extern "C" fn digest() -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    for case in linnet_tests::cases() {
        let logits =
            linnet_tests::logits(|| backend(1, false), &case).unwrap_or_else(|f| panic!("{}", f.what));
        for byte in logits.iter().flatten().flat_map(|logit| logit.to_le_bytes()) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    hash
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn the_portable_kernels() {
    judge_all(|| backend(1, true));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    // The module for one thread has nothing to compare. In wasm, some cases are enough.
    #[cfg(target_arch = "wasm32")]
    if backend(2, false).capabilities().threads == 1 {
        return;
    }
    let step = if cfg!(target_arch = "wasm32") { 4 } else { 1 };
    for case in linnet_tests::cases().iter().step_by(step) {
        let logits = |threads| linnet_tests::logits(|| backend(threads, false), case).map_err(|f| f.what);
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
