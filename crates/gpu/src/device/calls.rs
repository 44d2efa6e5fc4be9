//! Counts the wgpu calls whose number per token matters: all of them go through here.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use linnet_graph::Counters;

#[cfg(not(target_arch = "wasm32"))]
use super::native::now_ms;
#[cfg(target_arch = "wasm32")]
use super::web::now_ms;

/// A device and its queue, with counters.
pub(crate) struct Calls {
    device: wgpu::Device,
    queue: wgpu::Queue,
    counters: Cell<Counters>,
    last_submission: RefCell<Option<wgpu::SubmissionIndex>>,
    /// Number of submits.
    latest: Arc<AtomicU64>,
    /// Time since which the queue is known to be empty, by [`now_ms`].
    empty_since: Arc<Mutex<Option<f64>>>,
}

impl Calls {
    pub fn new(device: wgpu::Device, queue: wgpu::Queue) -> Calls {
        let (counters, last_submission) = (Cell::default(), RefCell::default());
        Calls {
            device,
            queue,
            counters,
            last_submission,
            latest: Arc::default(),
            empty_since: Arc::default(),
        }
    }

    /// The counters so far.
    pub fn counters(&self) -> Counters {
        self.counters.get()
    }

    fn count(&self, add: impl FnOnce(&mut Counters)) {
        let mut counters = self.counters.get();
        add(&mut counters);
        self.counters.set(counters);
    }

    /// The device, for calls that are not counted: error scopes, encoders, callbacks.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    pub fn buffer(&self, descriptor: &wgpu::BufferDescriptor<'_>) -> wgpu::Buffer {
        self.count(|c| c.buffers += 1);
        self.device.create_buffer(descriptor)
    }

    pub fn bind_group(&self, descriptor: &wgpu::BindGroupDescriptor<'_>) -> wgpu::BindGroup {
        self.count(|c| c.bind_groups += 1);
        self.device.create_bind_group(descriptor)
    }

    pub fn pipeline(&self, descriptor: &wgpu::ComputePipelineDescriptor<'_>) -> wgpu::ComputePipeline {
        self.count(|c| c.pipelines += 1);
        self.device.create_compute_pipeline(descriptor)
    }

    pub fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>, [x, y]: [u32; 2]) {
        self.count(|c| c.dispatches += 1);
        pass.dispatch_workgroups(x, y, 1);
    }

    pub fn submit(&self, commands: Option<wgpu::CommandBuffer>) {
        let empty_since = self.empty_since.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.count(|c| {
            c.submits += 1;
            c.empty_us += empty_since.map_or(0, |since| ((now_ms() - since) * 1000.0) as u64);
        });
        self.latest.store(self.counters.get().submits, Ordering::Relaxed);
        self.last_submission.replace(Some(self.queue.submit(commands)));
    }

    /// The last work that was submitted.
    pub fn last_submission(&self) -> Option<wgpu::SubmissionIndex> {
        self.last_submission.borrow().clone()
    }

    pub fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.written(bytes.len());
        self.queue.write_buffer(buffer, offset, bytes);
    }

    /// The queue, for a platform's own writes, which must call [`Calls::written`].
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    pub fn written(&self, bytes: usize) {
        self.count(|c| c.bytes_written += bytes as u64);
    }

    /// Maps the first bytes of a buffer once the work submitted so far is done.
    pub fn map(
        &self,
        buffer: &wgpu::Buffer,
        bytes: u64,
        done: impl FnOnce(Result<(), wgpu::BufferAsyncError>) + Send + 'static,
    ) {
        self.count(|c| {
            c.readbacks += 1;
            c.bytes_read += bytes;
        });
        let empty_since = Arc::clone(&self.empty_since);
        let (submits, latest) = (self.counters.get().submits, Arc::clone(&self.latest));
        buffer.map_async(wgpu::MapMode::Read, 0..bytes, move |result| {
            if latest.load(Ordering::Relaxed) == submits {
                *empty_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(now_ms());
            }
            done(result);
        });
    }
}
