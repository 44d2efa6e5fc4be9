//! The workers of a native program: threads that the pool starts and ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use super::shared::{MOST_THREADS, Shared, work};

/// As many threads as the processor runs at once, up to the number that helps.
pub(crate) fn usual_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Waits after `SPINS` rounds of spinning.
pub(super) fn wait_until_left(shared: &Shared) {
    while !shared.has_been_left() {
        thread::yield_now();
    }
}

/// The workers of one pool.
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts up to `workers` threads, as many as the platform allows (none in a module without atomics).
    pub(super) fn gather(workers: usize) -> Self {
        let shared = Arc::new(Shared::new());
        let mut threads = Vec::new();
        for index in 1..=workers {
            let shared = Arc::clone(&shared);
            let builder = thread::Builder::new().name(format!("linnet-{index}"));
            match builder.spawn(move || work(&shared, index)) {
                Ok(thread) => threads.push(thread),
                Err(_) => break,
            }
        }
        Workers { shared, threads }
    }

    /// Number of workers.
    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    /// The state that owner and workers share.
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Wakes sleeping workers.
    pub(super) fn wake(&self) {
        self.threads.iter().for_each(|thread| thread.thread().unpark());
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        self.wake();
        for thread in self.threads.drain(..) {
            // A worker catches the panics of its jobs and returns nothing.
            let _ = thread.join();
        }
    }
}
