//! The workers of a page: a wasm module cannot start threads, so the page starts Web Workers on the module's memory.
//! Each takes a slot and then works for the current pool.
//!
//! A panic ends a Web Worker, because wasm does not unwind; its script then calls [`abandon`]. A Web Worker that the
//! browser ends reports nothing; an owner that waits too long for one traps ([`wait`]).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};

use super::shared::{MOST_THREADS, Shared, wait, work as work_for};

/// Messages of failed steps.
const NO_ANSWER: &str = "a worker thread did not finish its part of a step within 10 s, or reported an error: the \
    browser may have ended it. Load the model again";

/// There is one set of workers, because a module's memory has one engine.
static SHARED: Shared = Shared::new();
/// The registered workers, ordered by their indices, which begin at 1.
static SLOTS: [OnceLock<Thread>; MOST_THREADS - 1] = [const { OnceLock::new() }; MOST_THREADS - 1];
/// Number of slots that were requested.
static ASKED: AtomicUsize = AtomicUsize::new(0);
/// A pool uses the workers.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Number of taken slots, from the first one on.
fn taken() -> usize {
    SLOTS.iter().take_while(|slot| slot.get().is_some()).count()
}

/// All workers that the page has started.
pub(crate) fn usual_threads() -> usize {
    taken() + 1
}

/// Waits after `SPINS` rounds of spinning.
pub(super) fn wait_until_left(shared: &Shared) {
    // Waiting for a dead worker would never end, and a dead worker looks like one that is very late and may still
    // write. So nobody uses the workers after this trap: `IN_USE` stays set, and a model that is loaded again in this
    // memory computes on one thread.
    // Not `sleep`: it never returns in a module that V8 11.3 (Node 20) has compiled with its baseline compiler.
    assert!(wait(shared, thread::park_timeout), "{NO_ANSWER}");
}

/// Gives the calling Web Worker a slot, or `None` if all are taken. Later pools use it.
pub fn take_slot() -> Option<usize> {
    let slot = ASKED.fetch_add(1, Ordering::Relaxed);
    SLOTS.get(slot)?.set(thread::current()).ok()?;
    Some(slot + 1)
}

/// Runs the jobs of a slot on the calling Web Worker. Does not return.
pub fn work(slot: usize) {
    work_for(&SHARED, slot);
}

/// Reports that a Web Worker has died: the step that waits for it fails.
pub fn abandon() {
    SHARED.panicked.store(true, Ordering::Relaxed);
}

/// The workers of one pool.
pub(super) struct Workers {
    workers: usize,
}

impl Workers {
    /// Takes up to `workers` of the workers with slots; none if another pool has them.
    pub(super) fn gather(workers: usize) -> Self {
        let workers = workers.min(taken());
        let workers = if workers > 0 && IN_USE.swap(true, Ordering::Acquire) { 0 } else { workers };
        Workers { workers }
    }

    /// Number of workers.
    pub(super) fn count(&self) -> usize {
        self.workers
    }

    /// The state that owner and workers share.
    pub(super) fn shared(&self) -> &Shared {
        &SHARED
    }

    /// Wakes sleeping workers.
    pub(super) fn wake(&self) {
        SLOTS[..self.workers].iter().filter_map(OnceLock::get).for_each(Thread::unpark);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if self.workers > 0 {
            IN_USE.store(false, Ordering::Release);
        }
    }
}
