//! The crew of a page: a wasm module cannot start threads, so the page starts Web Workers over the module's memory, each
//! of which takes a seat and then works for whichever pool there is.
//!
//! A panic ends a Web Worker: nothing unwinds here. The worker's script then says so through [`abandon`]. A Web Worker that the
//! browser ends says nothing; an owner that has waited too long for it ends, too ([`wait`]).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};

use super::{MOST_THREADS, NO_ANSWER, Shared, wait, work as work_for};

/// Rounds of spinning before a thread gives up its processor: some tens of microseconds. A round is shorter than
/// natively, for wasm has no instruction that pauses.
pub(super) const SPINS: usize = 40_000;

/// There is one crew: a module's memory holds one engine.
static SHARED: Shared = Shared::new();
/// The workers that have come, in the order of their indices, which begin at 1.
static SEATS: [OnceLock<Thread>; MOST_THREADS - 1] = [const { OnceLock::new() }; MOST_THREADS - 1];
/// Seats that were given away.
static GIVEN: AtomicUsize = AtomicUsize::new(0);
/// Some pool has the crew.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Seats that are taken, from the first one on.
fn seated() -> usize {
    SEATS.iter().take_while(|seat| seat.get().is_some()).count()
}

/// All that the page has started.
pub(crate) fn usual_threads() -> usize {
    seated() + 1
}

/// Called by an owner that has waited for [`SPINS`] rounds.
pub(super) fn wait_until_left(shared: &Shared) {
    // A worker that has been ended would be waited for without end, and nothing tells it from one that is very late, which may
    // still write. So nobody uses the crew after this trap: `TAKEN` stays set, and a model that is loaded again in this memory
    // computes on one thread.
    // Not `sleep`: in a module that V8 11.3 (Node 20) has compiled for a quick start, that never returns.
    assert!(wait(shared, thread::park_timeout), "{NO_ANSWER}");
}

/// Gives the calling Web Worker a seat, or `None` where all are taken. Pools that are made from now on count on it.
pub fn take_seat() -> Option<usize> {
    let seat = GIVEN.fetch_add(1, Ordering::Relaxed);
    SEATS.get(seat)?.set(thread::current()).ok()?;
    Some(seat + 1)
}

/// Makes the calling Web Worker work on the seat that it has taken. Does not return.
pub fn work(seat: usize) {
    work_for(&SHARED, seat);
}

/// Says that a Web Worker has died at its work: the step that waits for it fails.
pub fn abandon() {
    SHARED.panicked.store(true, Ordering::Relaxed);
}

/// The workers of one pool.
pub(super) struct Crew {
    workers: usize,
}

impl Crew {
    /// Takes up to `workers` of those that are seated; none where another pool has them.
    pub(super) fn gather(workers: usize) -> Self {
        let workers = workers.min(seated());
        let workers = if workers > 0 && TAKEN.swap(true, Ordering::Acquire) { 0 } else { workers };
        Crew { workers }
    }

    /// Their number.
    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    /// What they see.
    pub(super) fn shared(&self) -> &Shared {
        &SHARED
    }

    /// Wakes those that sleep.
    pub(super) fn wake(&self) {
        SEATS[..self.workers].iter().filter_map(OnceLock::get).for_each(Thread::unpark);
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        if self.workers > 0 {
            TAKEN.store(false, Ordering::Release);
        }
    }
}
