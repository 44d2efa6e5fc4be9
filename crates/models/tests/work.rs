//! How much work a header's layers make, counted in allocations: the same on every machine.

#[allow(dead_code, reason = "it serves the other tests, too")]
#[path = "models/file.rs"]
mod file;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use linnet_graph::{Plan, fuse, fuse_launches};
use linnet_models::record;

use crate::file::File;

/// Counts allocations.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is the system allocator's own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations from a header of this many layers to what a GPU compiles.
fn allocations(layers: u32) -> usize {
    let header = File::with_layers(layers).header();
    let before = COUNT.load(Ordering::Relaxed);
    let plan = Plan::new(fuse(record(&header).unwrap().graph));
    let plan = Plan::new(fuse_launches(plan.graph));
    assert!(plan.graph.nodes.len() > layers as usize);
    COUNT.load(Ordering::Relaxed) - before
}

/// The only test here, so that nothing else allocates.
#[test]
fn work_grows_with_the_layers_and_not_with_their_square() {
    let (few, many) = (allocations(32), allocations(512));
    // Sixteen times as many; their square would be 256.
    assert!(many < few * 20, "{few} for 32 layers, {many} for 512");
}
