//! A small persistent thread pool for loops that last microseconds.
//!
//! A node of the graph is one fork and join, five per layer and token, so threads are kept running: a worker spins
//! for a while after its part, and sleeps only when the next job is slow to come.
//!
//! Threads take pieces of a loop until none is left, and a worker that comes too late finds the job closed: where the
//! processors have other work to do, nobody waits for a thread that the system has not let run.
//!
//! Where the workers come from is the [`Crew`]'s affair: natively it starts threads, in a page it finds those that the
//! page has started.

#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
#[path = "pool/started.rs"]
mod crew;
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
#[path = "pool/seated.rs"]
pub(crate) mod crew;

use std::cell::UnsafeCell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
use std::time::Duration;

pub(crate) use self::crew::usual_threads;
use self::crew::{Crew, SPINS};

/// More threads than this wait for each other longer than they help on models that suit a CPU.
pub(crate) const MOST_THREADS: usize = 8;
/// Pieces of a loop per thread: enough that a slow thread does not hold up the others by much.
const PIECES: usize = 4;
/// In [`Shared::gate`]: workers may still begin with the job.
const OPEN: usize = 1 << (usize::BITS - 1);

/// Why a step fails, and what to do.
const PANICKED: &str = "a worker thread failed at its part of a step. Load the model again";
const FAILED_BEFORE: &str = "an earlier step failed in a worker thread. Load the model again";
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
const NO_ANSWER: &str = "a worker thread did not finish its part of a step within 10 s, or reported an error: the browser may \
    have ended it. Load the model again";

type Job<'a> = &'a (dyn Fn(usize) + Sync);

/// What the owner and the workers of a pool see.
struct Shared {
    /// Counts jobs; a change tells the workers that there is one.
    epoch: AtomicUsize,
    /// Number of workers at the job, plus [`OPEN`] while others may join them.
    gate: AtomicUsize,
    /// The job, and the threads that it is for. Written by the owner while `gate` is 0; read by workers that the gate has counted.
    job: UnsafeCell<Option<(Job<'static>, usize)>>,
    /// Some worker's part panicked, or did not come to its end in the time that [`NAPS`] gives it.
    panicked: AtomicBool,
    stop: AtomicBool,
}

// SAFETY: access to `job` is ordered by `gate` as described there; the rest is atomic.
unsafe impl Sync for Shared {}
// SAFETY: the job is `Sync`, and a shared reference to it may be sent.
unsafe impl Send for Shared {}

impl Shared {
    const fn new() -> Self {
        Shared {
            epoch: AtomicUsize::new(0),
            gate: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Whether no worker is at the job. Only for the owner, after closing it.
    fn has_been_left(&self) -> bool {
        self.gate.load(Ordering::Acquire) == 0
    }

    /// Counts a worker in, unless the job is closed.
    fn enter(&self) -> bool {
        let join = |gate: usize| (gate & OPEN != 0).then_some(gate + 1);
        self.gate.fetch_update(Ordering::Acquire, Ordering::Relaxed, join).is_ok()
    }
}

/// Threads that share the pieces of a loop; the caller's thread is one of them.
pub(crate) struct Pool {
    crew: Crew,
}

impl Pool {
    /// A pool of up to `threads` threads: as many as the platform lets it have.
    pub(crate) fn new(threads: usize) -> Self {
        Pool { crew: Crew::gather(threads.saturating_sub(1)) }
    }

    /// Number of threads, the caller's included.
    pub(crate) fn threads(&self) -> usize {
        self.crew.workers() + 1
    }

    /// Cuts `0..units` into pieces and calls `job(thread, piece)` for each, `thread` being below `threads()` and at one
    /// piece at a time.
    /// With `alone`, the caller's thread does everything: for work that is smaller than waking the others.
    pub(crate) fn split(&mut self, units: usize, alone: bool, job: impl Fn(usize, Range<usize>) + Sync) {
        if alone || units <= 1 || self.crew.workers() == 0 {
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

    /// Calls `job(0)` here and `job(thread)` on the workers that come before it has ended; waits for those.
    fn run(&mut self, job: Job<'_>) {
        let threads = self.threads();
        let shared = self.crew.shared();
        // After a failure some worker may still be at the job before, which forbids another.
        assert!(!shared.panicked.load(Ordering::Relaxed), "{FAILED_BEFORE}");
        // SAFETY: only the lifetime changes. Workers use the reference during this call only: `Close` below does not
        // let it end, not even by a panic, before all that have begun are done and no other can begin.
        let job_for_workers = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        // SAFETY: the gate is 0 here (each call waits for that), so no worker reads the cell, and `&mut self` keeps
        // other callers away.
        unsafe { *shared.job.get() = Some((job_for_workers, threads)) };
        shared.gate.store(OPEN, Ordering::Release);
        let close = Close(shared);
        shared.epoch.fetch_add(1, Ordering::Release);
        self.crew.wake();
        job(0);
        drop(close);
        assert!(!shared.panicked.load(Ordering::Relaxed), "{PANICKED}");
    }
}

/// Closes the job when dropped, and waits for the workers that are at it.
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
        crew::wait_until_left(self.0);
    }
}

/// Naps of an owner that waits for workers who do not tell it when they are done: counts and lengths. A piece of a loop
/// takes milliseconds, on a slow and busy device a second. Of a worker that is silent for ten seconds, while its owner is not,
/// it is not known whether it will come back: the browser may have ended it, or does not let it run. (There is no clock in a wasm module; in a page that is frozen, the naps are, too.)
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
const NAPS: [(usize, Duration); 3] =
    [(2_500, Duration::from_micros(20)), (475, Duration::from_millis(2)), (450, Duration::from_millis(20))];

/// Naps until the closed job has been left. Returns whether it was: not if a worker panicked or did not answer in time.
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
fn wait(shared: &Shared, mut nap: impl FnMut(Duration)) -> bool {
    for (count, length) in NAPS {
        for _ in 0..count {
            if shared.has_been_left() {
                return true;
            }
            if shared.panicked.load(Ordering::Relaxed) {
                return false;
            }
            nap(length);
        }
    }
    let left = shared.has_been_left();
    if !left {
        shared.panicked.store(true, Ordering::Relaxed);
    }
    left
}

/// What worker `index` does, from 1 on, until the pool is dropped.
fn work(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        let epoch = loop {
            let epoch = shared.epoch.load(Ordering::Acquire);
            if epoch != seen {
                break epoch;
            }
            spins += 1;
            // An unpark that came before makes this return at once, so no job is missed.
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::park() }
        };
        seen = epoch;
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        if !shared.enter() {
            continue;
        }
        // SAFETY: the open gate says that the owner has written the job, and it leaves it alone until all who were
        // counted have left.
        let job = unsafe { *shared.job.get() };
        if let Some((job, threads)) = job
            && index < threads
            && std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(index))).is_err()
        {
            shared.panicked.store(true, Ordering::Relaxed);
        }
        shared.gate.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use std::time::Duration;

    use super::{OPEN, Pool, Shared, wait};

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

    /// A job with one worker at it, closed.
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
        assert!(shared.panicked.load(Ordering::Relaxed), "no other job may follow");
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
