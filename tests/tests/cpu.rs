//! The CPU backend against the oracles.

use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_tests::{cases, judge_all, logits, sabotage_all};

fn backend(threads: usize, portable: bool) -> CpuBackend {
    CpuBackend::new(CpuOptions { threads: Some(threads), portable })
}

#[test]
fn the_best_kernels_of_this_processor() {
    judge_all(|| backend(1, false));
}

#[test]
fn the_portable_kernels() {
    judge_all(|| backend(1, true));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for case in cases() {
        let one = logits(|| backend(1, false), &case).map_err(|f| f.what);
        for threads in [2, 3] {
            let more = logits(|| backend(threads, false), &case).map_err(|f| f.what);
            assert!(one.is_ok() && one == more, "{} with {threads} threads", case.name);
        }
    }
}

#[test]
fn each_comparison_can_fail() {
    sabotage_all(|| backend(1, false));
}
