//! The workers of a page: a wasm module cannot start threads, so the page starts Web Workers on the module's memory.
//! Each takes a slot and then works for whichever pool there is.
//!
//! A panic ends a Web Worker: nothing unwinds here. The worker's script then says so through [`abandon`]. A Web Worker
//! that the browser ends says nothing; an owner that has waited too long for it ends, too ([`wait`]).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};

use super::shared::{MOST_THREADS, Shared, wait, work as work_for};

/// Why a step fails, and what to do.
const NO_ANSWER: &str = "a worker thread did not finish its part of a step within 10 s, or reported an error: the browser may \
    have ended it. Load the model again";

/// There is one set of workers: a module's memory holds one engine.
static SHARED: Shared = Shared::new();
/// The workers that have come, in the order of their indices, which begin at 1.
static SLOTS: [OnceLock<Thread>; MOST_THREADS - 1] = [const { OnceLock::new() }; MOST_THREADS - 1];
/// Slots that were asked for.
static ASKED: AtomicUsize = AtomicUsize::new(0);
/// Some pool has the workers.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Slots that are taken, from the first one on.
fn taken() -> usize {
    SLOTS.iter().take_while(|slot| slot.get().is_some()).count()
}

/// All that the page has started.
pub(crate) fn usual_threads() -> usize {
    taken() + 1
}

/// Called by an owner that has waited for `SPINS` rounds.
pub(super) fn wait_until_left(shared: &Shared) {
    // A worker that has been ended would be waited for without end, and nothing tells it from one that is very late, which
    // may still write. So nobody uses the workers after this trap: `IN_USE` stays set, and a model that is loaded again in
    // this memory computes on one thread.
    // Not `sleep`: in a module that V8 11.3 (Node 20) has compiled for a quick start, that never returns.
    assert!(wait(shared, thread::park_timeout), "{NO_ANSWER}");
}

/// Gives the calling Web Worker a slot, or `None` where all are taken. Pools that are made from now on count on it.
pub fn take_slot() -> Option<usize> {
    let slot = ASKED.fetch_add(1, Ordering::Relaxed);
    SLOTS.get(slot)?.set(thread::current()).ok()?;
    Some(slot + 1)
}

/// Makes the calling Web Worker work on the slot that it has taken. Does not return.
pub fn work(slot: usize) {
    work_for(&SHARED, slot);
}

/// Says that a Web Worker has died at its work: the step that waits for it fails.
pub fn abandon() {
    SHARED.panicked.store(true, Ordering::Relaxed);
}

/// The workers of one pool.
pub(super) struct Workers {
    workers: usize,
}

impl Workers {
    /// Takes up to `workers` of those that have slots; none where another pool has them.
    pub(super) fn gather(workers: usize) -> Self {
        let workers = workers.min(taken());
        let workers = if workers > 0 && IN_USE.swap(true, Ordering::Acquire) { 0 } else { workers };
        Workers { workers }
    }

    /// Their number.
    pub(super) fn count(&self) -> usize {
        self.workers
    }

    /// What they see.
    pub(super) fn shared(&self) -> &Shared {
        &SHARED
    }

    /// Wakes those that sleep.
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
