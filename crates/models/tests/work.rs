//! The work for a header's layers, measured in allocations, which are the same on every machine.

#[allow(dead_code, reason = "it serves the other tests, too")]
#[path = "models/file.rs"]
mod file;

#[path = "../../../tests/support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;

use linnet_graph::{Plan, fuse, fuse_dispatches};
use linnet_models::record;

use crate::allocator::allocations;
use crate::file::File;

/// Number of allocations from a header with this many layers to the graph that a GPU compiles.
fn work(layers: u32) -> usize {
    let header = File::with_layers(layers).header();
    let (plan, count) = allocations(|| {
        let plan = Plan::new(fuse(record(&header).unwrap().graph));
        Plan::new(fuse_dispatches(plan.graph))
    });
    assert!(plan.graph.nodes.len() > layers as usize);
    count
}

/// The only test here, so that nothing else allocates.
#[test]
fn work_grows_with_the_layers_and_not_with_their_square() {
    let (few, many) = (work(32), work(512));
    // Sixteen times as many layers; quadratic work would be 256 times as much.
    assert!(many < few * 20, "{few} for 32 layers, {many} for 512");
}
