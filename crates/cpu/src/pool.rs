//! A small persistent thread pool for loops that last microseconds.
//!
//! A node of the graph is one fork and join, five per layer and token, so threads are kept running: a worker spins
//! for a while after its part, and sleeps only when the next job is slow to come.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

/// Rounds of spinning before a thread gives up its processor: some tens of microseconds.
const SPINS: usize = 10_000;

type Job<'a> = &'a (dyn Fn(usize) + Sync);

struct Shared {
    /// Counts jobs; a change tells the workers that there is one.
    epoch: AtomicUsize,
    /// The job of the current epoch. Written by the owner before it changes `epoch` and while no worker has a part
    /// left to do; read by workers after they have seen the change.
    job: UnsafeCell<Option<Job<'static>>>,
    /// Workers that have not finished the current job.
    running: AtomicUsize,
    /// Some worker's part panicked.
    panicked: AtomicBool,
    stop: AtomicBool,
}

// SAFETY: access to `job` is ordered by `epoch` and `running` as described there; the rest is atomic.
unsafe impl Sync for Shared {}
// SAFETY: the job is `Sync`, and a shared reference to it may be sent.
unsafe impl Send for Shared {}

/// Threads that run the parts of a job; the caller's thread is one of them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of up to `threads` threads: as many as the platform lets it start (on the web: one).
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            running: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let mut workers = Vec::new();
        for index in 1..threads {
            let shared = Arc::clone(&shared);
            let builder = thread::Builder::new().name(format!("linnet-{index}"));
            match builder.spawn(move || work(&shared, index)) {
                Ok(worker) => workers.push(worker),
                Err(_) => break,
            }
        }
        Pool { shared, workers }
    }

    /// Number of threads, the caller's included.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job(part)` once for each `part` in `0..threads()`, each on a thread of its own, and waits for all.
    pub(crate) fn run(&mut self, job: Job<'_>) {
        if self.workers.is_empty() {
            job(0);
            return;
        }
        // SAFETY: only the lifetime changes. Workers use the reference during this call only: `Wait` below does not
        // let it end, not even by a panic, before all of them are done.
        let job_for_workers = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(job) };
        // SAFETY: `running` is 0 here (each call waits for that), so no worker reads the cell, and `&mut self` keeps
        // other callers away.
        unsafe { *self.shared.job.get() = Some(job_for_workers) };
        self.shared.running.store(self.workers.len(), Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        for worker in &self.workers {
            worker.thread().unpark();
        }
        let wait = Wait(&self.shared);
        job(0);
        drop(wait);
        assert!(!self.shared.panicked.load(Ordering::Relaxed), "a worker thread panicked");
    }

    /// Splits `0..units` into one range per thread and calls `job(part, range)` for those that are not empty.
    /// With `alone`, the caller's thread does everything: for work that is smaller than waking the others.
    pub(crate) fn split(
        &mut self,
        units: usize,
        alone: bool,
        job: impl Fn(usize, std::ops::Range<usize>) + Sync,
    ) {
        if alone || units <= 1 {
            if units > 0 {
                job(0, 0..units);
            }
            return;
        }
        let threads = self.threads();
        self.run(&|part| {
            let range = units * part / threads..units * (part + 1) / threads;
            if !range.is_empty() {
                job(part, range);
            }
        });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches the panics of its jobs, and has nothing to tell.
            let _ = worker.join();
        }
    }
}

/// Waits for the workers when dropped.
struct Wait<'a>(&'a Shared);

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut spins = 0;
        while self.0.running.load(Ordering::Acquire) != 0 {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { thread::yield_now() }
        }
    }
}

fn work(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        while shared.epoch.load(Ordering::Acquire) == seen {
            spins += 1;
            // An unpark that came before makes this return at once, so no job is missed.
            if spins < SPINS { std::hint::spin_loop() } else { thread::park() }
        }
        seen += 1;
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: the epoch changed, so the owner has written the job and leaves it alone until `running` is 0.
        let job = unsafe { *shared.job.get() };
        if let Some(job) = job
            && std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(index))).is_err()
        {
            shared.panicked.store(true, Ordering::Relaxed);
        }
        shared.running.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Pool;

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

    #[test]
    fn a_panic_in_a_worker_reaches_the_caller() {
        let mut pool = Pool::new(2);
        let job = |part: usize| assert!(part == 0, "on purpose");
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.run(&job)));
        assert!(result.is_err());
    }
}
