//! The device: its limits, buffers, writes and reads.

mod adapter;
mod buffer;
mod calls;
mod faults;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod native;
mod signal;
#[cfg(target_arch = "wasm32")]
pub(crate) mod web;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use linnet_graph::{BackendError, Bytes};
use linnet_shaders::Math;

pub use self::adapter::Adapter;
pub(crate) use self::buffer::Buffer;
pub(crate) use self::calls::Calls;
use self::faults::Faults;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use self::native as platform;
use self::signal::{Signal, signal};
#[cfg(target_arch = "wasm32")]
pub(crate) use self::web as platform;
#[cfg(target_arch = "wasm32")]
pub use self::web::JsBytes;
use crate::error::out_of_memory;
use crate::options::GpuOptions;

/// Bytes to write before waiting for the device: until then they also occupy staging memory, and phones have little.
const MAX_IN_FLIGHT: u64 = 24 << 20;

type PendingScope = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// A device with its queue.
pub(crate) struct Device {
    pub calls: Calls,
    pub adapter: Adapter,
    pub faults: Faults,
    /// Greatest size of a weight's buffer.
    pub max_part: u64,
    /// Timestamps were requested and are supported.
    pub timestamps: bool,
    limits: wgpu::Limits,
    /// A buffer that is read to wait for the queue.
    marker: Buffer,
    /// Bytes written since the queue was last known to be idle.
    in_flight: Cell<u64>,
    /// Allocations that may still fail.
    allocations: RefCell<Vec<(String, u64, PendingScope)>>,
}

/// A pending read of results.
pub(crate) struct Reading {
    mapped: Signal<Result<(), wgpu::BufferAsyncError>>,
    bytes: u64,
    /// The submission to wait for.
    submission: Option<wgpu::SubmissionIndex>,
}

impl Device {
    pub async fn open(options: &GpuOptions) -> Result<Device, BackendError> {
        let opened = platform::open(options).await?;
        let (device, adapter) = (opened.device, opened.adapter);
        let faults = Faults::default();
        let lost = faults.clone();
        device.set_device_lost_callback(move |reason, message| lost.lose(format!("{reason:?}: {message}")));
        platform::catch_errors(&device, &faults);
        let limits = device.limits();
        let timestamps = device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        // Byte offsets in a part must fit u32.
        let max_part =
            limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(u64::from(u32::MAX));
        let max_part = max_part.min(options.max_part_bytes.unwrap_or(u64::MAX));
        let calls = Calls::new(device, opened.queue);
        let marker = Buffer::new(calls.buffer(&wgpu::BufferDescriptor {
            label: Some("marker"),
            size: 4,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        }));
        Ok(Device {
            marker,
            calls,
            adapter,
            faults,
            max_part,
            timestamps,
            limits,
            in_flight: Cell::new(0),
            allocations: RefCell::default(),
        })
    }

    /// The arithmetic that the device supports.
    pub fn maths(&self) -> impl Iterator<Item = Math> {
        let Adapter { shader_f16, packed_products, .. } = self.adapter;
        let maths = [(Math::F32, true), (Math::F16, shader_f16), (Math::Int8, packed_products)];
        maths.into_iter().filter_map(|(math, possible)| possible.then_some(math))
    }

    /// Bytes of workgroup memory.
    pub fn workgroup_memory(&self) -> u32 {
        self.limits.max_compute_workgroup_storage_size
    }

    /// Makes a zeroed buffer. Running out of memory may be reported only by [`Device::settle`].
    ///
    /// # Errors
    /// [`BackendError::Limit`], [`BackendError::OutOfMemory`].
    pub fn buffer(&self, what: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<Buffer, BackendError> {
        let size = bytes.max(16).next_multiple_of(16);
        let limits = [
            ("maxBufferSize", self.limits.max_buffer_size),
            ("maxStorageBufferBindingSize", self.limits.max_storage_buffer_binding_size),
        ];
        for (limit, have) in limits {
            if size > have && (limit == "maxBufferSize" || usage.contains(wgpu::BufferUsages::STORAGE)) {
                return Err(BackendError::Limit { what: what.to_owned(), limit, need: size, have });
            }
        }
        let scope = self.calls.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let buffer = self.calls.buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size,
            usage,
            mapped_at_creation: false,
        });
        let buffer = Buffer::new(buffer);
        let mut outcome: PendingScope = Box::pin(scope.pop());
        match outcome.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(None) => {}
            Poll::Ready(Some(_)) => return Err(out_of_memory(what, size)),
            Poll::Pending => self.allocations.borrow_mut().push((what.to_owned(), size, outcome)),
        }
        Ok(buffer)
    }

    /// Waits until all allocations have succeeded or failed, and reports other faults, too.
    pub async fn settle(&self) -> Result<(), BackendError> {
        let allocations = self.allocations.take();
        let mut failed = None;
        for (what, bytes, outcome) in allocations {
            if outcome.await.is_some() {
                failed.get_or_insert_with(|| out_of_memory(&what, bytes));
            }
        }
        failed.map_or_else(|| self.faults.check(), Err)
    }

    /// Counts written bytes and waits for the device when there are too many.
    pub async fn sent(&self, bytes: u64) -> Result<(), BackendError> {
        self.in_flight.set(self.in_flight.get() + bytes);
        if self.in_flight.get() >= MAX_IN_FLIGHT {
            self.calls.submit(None);
            self.idle().await?;
        }
        Ok(())
    }

    /// Waits for all submitted work by reading a buffer that is written after it. (wgpu's own way needs, on the web, an
    /// executor with shared memory.)
    pub async fn idle(&self) -> Result<(), BackendError> {
        self.calls.write(&self.marker, 0, &[0; 4]);
        self.calls.submit(None);
        self.read::<u32>(&self.marker, 4).await?;
        self.in_flight.set(0);
        Ok(())
    }

    /// Waits for the work submitted so far and reads `bytes` bytes of a mappable buffer.
    pub async fn read<T: bytemuck::Pod>(&self, buffer: &Buffer, bytes: u64) -> Result<Vec<T>, BackendError> {
        self.receive(buffer, &mut self.ask(buffer, bytes)).await
    }

    /// Requests the first bytes of a mappable buffer, as they are after the work submitted so far.
    pub fn ask(&self, buffer: &Buffer, bytes: u64) -> Reading {
        let (sender, mapped) = signal();
        self.calls.map(buffer, bytes, move |result| sender.send(result));
        Reading { mapped, bytes, submission: self.calls.last_submission() }
    }

    /// Waits for a requested read, but not for work that was submitted later.
    pub async fn receive<T: bytemuck::Pod>(
        &self,
        buffer: &Buffer,
        reading: &mut Reading,
    ) -> Result<Vec<T>, BackendError> {
        platform::drive(self.calls.device(), reading.submission.clone());
        let values = match (&mut reading.mapped).await {
            None => Err("the device dropped the request".to_owned()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(())) => copied(buffer, reading.bytes).map_err(|error| error.to_string()),
        };
        if values.is_err() {
            // A lost device may unmap its buffers before it reports the loss.
            platform::hear_out().await;
        }
        self.faults.check()?;
        values.map_err(|what| BackendError::Internal(format!("reading results: {what}")))
    }

    /// Queues a write of `bytes[from..from + len]`; `offset` and `len` are multiples of 4.
    pub fn write(
        &self,
        buffer: &Buffer,
        offset: u64,
        bytes: Bytes<'_>,
        from: usize,
        len: usize,
    ) -> Result<(), BackendError> {
        match bytes {
            Bytes::Heap(bytes) => self.calls.write(buffer, offset, &bytes[from..from + len]),
            Bytes::Foreign(foreign) => {
                if platform::write_foreign(self.calls.queue(), buffer, offset, foreign, from, len)? {
                    self.calls.written(len);
                    return Ok(());
                }
                let mut piece = vec![0; len.min(FOREIGN_PIECE)];
                for start in (0..len).step_by(FOREIGN_PIECE) {
                    let piece = &mut piece[..FOREIGN_PIECE.min(len - start)];
                    foreign.copy_to(from + start, piece);
                    self.calls.write(buffer, offset + start as u64, piece);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.calls.device().destroy();
    }
}

/// The first bytes of a mapped buffer, which is unmapped.
fn copied<T: bytemuck::Pod>(buffer: &Buffer, bytes: u64) -> Result<Vec<T>, wgpu::MapRangeError> {
    let view = buffer.get_mapped_range(0..bytes)?;
    let values = bytemuck::pod_collect_to_vec(&view);
    drop(view);
    buffer.unmap();
    Ok(values)
}

/// Bytes per piece when foreign bytes must be copied.
const FOREIGN_PIECE: usize = 1 << 20;
