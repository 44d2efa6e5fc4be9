//! The device for GPU tests. Each test file has only a few tests: a driver that compiles for the CPU keeps
//! all compiled code until the process ends, and all of it takes 20 GB.

use linnet_gpu::{GpuBackend, GpuOptions};
use linnet_graph::BackendError;

/// A device, or `None` with a printed note if there is no adapter. Its clones share compiled pipelines. The
/// arithmetic does not depend on the device's speed. Without the self-test, a wrong kernel fails the comparison
/// instead of being replaced by another.
pub fn gpu(options: GpuOptions) -> Option<GpuBackend> {
    let options = GpuOptions { tune: Some(false), self_test: false, ..options };
    match pollster::block_on(GpuBackend::new(options)) {
        Err(BackendError::NoAdapter { reason }) => {
            println!("skipped: no adapter ({reason})");
            None
        }
        Err(error) => panic!("{error}"),
        Ok(backend) => {
            println!("{:?}", backend.adapter());
            Some(backend)
        }
    }
}
