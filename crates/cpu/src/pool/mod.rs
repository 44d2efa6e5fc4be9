//! A small persistent thread pool for loops that last microseconds.
//!
//! A node of the graph is one fork and join, five per layer and token, so threads are kept running: a worker spins for
//! a while after its part, and sleeps only if the next job takes long.
//!
//! Threads take pieces of a loop until none is left, and a worker that is late finds the job closed. So if the
//! processors are busy, nobody waits for a thread that is not scheduled.
//!
//! Natively the pool starts its workers (`threads`); in a page it uses those that the page has started (`slots`).

mod shared;
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
mod slots;
#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
mod threads;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::shared::{Job, OPEN, SPINS, Shared};
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
use self::slots::{Workers, wait_until_left};
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub use self::slots::{abandon, take_slot, work};
#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
use self::threads::{Workers, wait_until_left};

/// The default number of threads.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub(crate) use self::slots::usual_threads;
#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
pub(crate) use self::threads::usual_threads;

/// Messages of failed steps.
const PANICKED: &str = "a worker thread failed at its part of a step. Load the model again";
const FAILED_BEFORE: &str = "an earlier step failed in a worker thread. Load the model again";

/// Pieces of a loop per thread: enough that a slow thread hardly delays the others.
const PIECES: usize = 4;

/// Threads that share the pieces of a loop, including the caller's.
pub(crate) struct Pool {
    workers: Workers,
}

impl Pool {
    /// A pool of up to `threads` threads, as many as the platform allows.
    pub(crate) fn new(threads: usize) -> Self {
        Pool { workers: Workers::gather(threads.saturating_sub(1)) }
    }

    /// Number of threads, including the caller's.
    pub(crate) fn threads(&self) -> usize {
        self.workers.count() + 1
    }

    /// Cuts `0..units` into pieces and calls `job(thread, piece)` for each. `thread` is below `threads()`, and each
    /// thread has one piece at a time. With `alone`, the caller's thread does everything: for work that is not worth
    /// waking the others.
    pub(crate) fn split(&mut self, units: usize, alone: bool, job: impl Fn(usize, Range<usize>) + Sync) {
        if alone || units <= 1 || self.workers.count() == 0 {
            if units > 0 {
                job(0, 0..units);
            }
            return;
        }
        let piece = units.div_ceil(self.threads() * PIECES);
        let next = AtomicUsize::new(0);
        self.run(&|thread| {
            loop {
                let start = next.fetch_add(piece, Ordering::Relaxed);
                if start >= units {
                    break;
                }
                job(thread, start..units.min(start + piece));
            }
        });
    }

    /// Calls `job(0)` here, and `job(thread)` on the workers that join before it ends. Waits for those.
    fn run(&mut self, job: Job<'_>) {
        let threads = self.threads();
        let shared = self.workers.shared();
        // After a failure a worker may still run the previous job, so no other may start.
        assert!(!shared.panicked.load(Ordering::Relaxed), "{FAILED_BEFORE}");
        // SAFETY: only the lifetime changes. Workers use the reference during this call only: `Close` below does not
        // let it end, not even by a panic, before all workers that have begun are done and no other can begin.
        let job_for_workers = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        // SAFETY: the gate is 0 here (each call waits for that), so no worker reads the cell, and `&mut self` keeps
        // other callers away.
        unsafe { *shared.job.get() = Some((job_for_workers, threads)) };
        shared.gate.store(OPEN, Ordering::Release);
        let close = Close(shared);
        shared.epoch.fetch_add(1, Ordering::Release);
        self.workers.wake();
        job(0);
        drop(close);
        assert!(!shared.panicked.load(Ordering::Relaxed), "{PANICKED}");
    }
}

/// When dropped, closes the job and waits for its workers.
struct Close<'a>(&'a Shared);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.gate.fetch_and(!OPEN, Ordering::Relaxed);
        for _ in 0..SPINS {
            if self.0.has_been_left() {
                return;
            }
            std::hint::spin_loop();
        }
        wait_until_left(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use std::time::Duration;

    use super::shared::wait;
    use super::{OPEN, Pool, Shared};

    #[test]
    fn every_unit_is_done_once_whatever_the_number_of_threads() {
        for threads in [1, 2, 3, 7] {
            let mut pool = Pool::new(threads);
            for units in [0, 1, 2, 3, 6, 7, 8, 100] {
                let done: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
                for _ in 0..20 {
                    pool.split(units, false, |_, range| {
                        for unit in range {
                            done[unit].fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                assert!(
                    done.iter().all(|n| n.load(Ordering::Relaxed) == 20),
                    "{threads} threads, {units} units"
                );
            }
        }
    }

    /// A closed job with one worker.
    fn begun() -> Shared {
        let shared = Shared::new();
        shared.gate.store(OPEN, Ordering::Relaxed);
        assert!(shared.enter());
        shared.gate.fetch_and(!OPEN, Ordering::Relaxed);
        shared
    }

    #[test]
    fn a_worker_that_never_comes_back_is_given_up() {
        let (shared, mut waited) = (begun(), Duration::ZERO);
        assert!(!wait(&shared, |nap| waited += nap));
        assert_eq!(waited, Duration::from_secs(10));
        assert!(shared.panicked.load(Ordering::Relaxed), "no other job may start");
    }

    #[test]
    fn a_slow_worker_is_waited_for() {
        let (shared, mut waited) = (begun(), Duration::ZERO);
        assert!(wait(&shared, |nap| {
            waited += nap;
            if waited > Duration::from_secs(9) {
                shared.gate.store(0, Ordering::Release);
            }
        }));
        assert!(!shared.panicked.load(Ordering::Relaxed));
    }

    #[test]
    fn a_panic_in_a_worker_reaches_the_caller() {
        let mut pool = Pool::new(2);
        let begun = AtomicBool::new(false);
        let job = |thread: usize| {
            begun.fetch_or(thread != 0, Ordering::Relaxed);
            assert!(thread == 0, "on purpose");
            while !begun.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.run(&job)));
        assert!(result.is_err());
    }
}
