//! The device that the GPU's tests ask. Their files are few tests each: a driver that compiles for the processor keeps what it has
//! compiled until the process ends, and all of it together takes 20 GB.

use linnet_gpu::{GpuBackend, GpuOptions};
use linnet_graph::BackendError;

/// A device, or `None` and a word about it where there is no adapter. Its clones share the compiled pipelines. What it computes in
/// does not depend on how fast it is.
pub fn gpu(options: GpuOptions) -> Option<GpuBackend> {
    let options = GpuOptions { tune: Some(false), ..options };
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
