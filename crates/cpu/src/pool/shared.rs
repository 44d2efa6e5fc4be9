//! The state that the owner and the workers of a pool share, and how they wait for each other.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
use std::time::Duration;

/// The most threads that help: with more, models that suit a CPU spend more time on waiting.
pub(super) const MOST_THREADS: usize = 8;
/// Rounds of spinning before a thread yields its processor: some tens of microseconds.
#[cfg(not(all(target_arch = "wasm32", target_feature = "atomics")))]
pub(super) const SPINS: usize = 10_000;
/// The same in a page. A round is shorter than natively, because wasm has no pause instruction.
#[cfg(all(target_arch = "wasm32", target_feature = "atomics"))]
pub(super) const SPINS: usize = 40_000;
/// In [`Shared::gate`]: workers may still join the job.
pub(super) const OPEN: usize = 1 << (usize::BITS - 1);

pub(super) type Job<'a> = &'a (dyn Fn(usize) + Sync);

/// The state that the owner and the workers of a pool share.
pub(super) struct Shared {
    /// Counts jobs; a change tells the workers that there is a new one.
    pub(super) epoch: AtomicUsize,
    /// Number of workers in the job, plus [`OPEN`] while others may join.
    pub(super) gate: AtomicUsize,
    /// The job, and the threads that it is for. Written by the owner while `gate` is 0, and read by workers that the
    /// gate has counted.
    pub(super) job: UnsafeCell<Option<(Job<'static>, usize)>>,
    /// A worker panicked, or did not finish its part in the time of [`NAPS`].
    pub(super) panicked: AtomicBool,
    pub(super) stop: AtomicBool,
}

// SAFETY: access to `job` is ordered by `gate` as described there; the rest is atomic.
unsafe impl Sync for Shared {}
// SAFETY: the job is `Sync`, and a shared reference to it may be sent.
unsafe impl Send for Shared {}

impl Shared {
    pub(super) const fn new() -> Self {
        Shared {
            epoch: AtomicUsize::new(0),
            gate: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Whether no worker is in the job. Only for the owner, after closing it.
    pub(super) fn has_been_left(&self) -> bool {
        self.gate.load(Ordering::Acquire) == 0
    }

    /// Lets a worker join, unless the job is closed.
    pub(super) fn enter(&self) -> bool {
        let join = |gate: usize| (gate & OPEN != 0).then_some(gate + 1);
        self.gate.fetch_update(Ordering::Acquire, Ordering::Relaxed, join).is_ok()
    }
}

/// Naps of an owner that waits for workers: counts and lengths. A piece of a loop takes milliseconds, or a second on a
/// slow and busy device. A worker that is silent for ten seconds, while its owner runs, may never return: the browser
/// may have ended or suspended it. (A wasm module has no clock; in a frozen page the naps are frozen, too.)
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
const NAPS: [(usize, Duration); 3] =
    [(2_500, Duration::from_micros(20)), (475, Duration::from_millis(2)), (450, Duration::from_millis(20))];

/// Naps until all workers have left the closed job. Returns `false` if one panicked or did not finish in time.
#[cfg(any(test, all(target_arch = "wasm32", target_feature = "atomics")))]
pub(super) fn wait(shared: &Shared, mut nap: impl FnMut(Duration)) -> bool {
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

/// The loop of worker `index`, from 1 on, until the pool is dropped.
pub(super) fn work(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        let epoch = loop {
            let epoch = shared.epoch.load(Ordering::Acquire);
            if epoch != seen {
                break epoch;
            }
            spins += 1;
            // An earlier unpark makes this return at once, so no job is missed.
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::park() }
        };
        seen = epoch;
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        if !shared.enter() {
            continue;
        }
        // SAFETY: the open gate says that the owner has written the job, and does not change it until all counted
        // workers have left.
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
