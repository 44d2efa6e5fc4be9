//! The device: its limits, making and reading buffers, what was asked of it.

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

/// Bytes that may be on their way to the device before we wait for it: what they occupy in staging memory comes on top
/// of everything else, and a phone has little.
const MAX_IN_FLIGHT: u64 = 24 << 20;

type PendingScope = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// A device with its queue.
pub(crate) struct Device {
    pub calls: Calls,
    pub adapter: Adapter,
    pub faults: Faults,
    /// Greatest size of a weight's buffer.
    pub max_part: u64,
    /// It was asked for timestamps, and has them.
    pub timestamps: bool,
    limits: wgpu::Limits,
    /// Read to learn how far the queue has come.
    marker: Buffer,
    /// Bytes written since the queue was last known to be idle.
    in_flight: Cell<u64>,
    /// Allocations whose outcome is not known yet.
    allocations: RefCell<Vec<(String, u64, PendingScope)>>,
}

/// Results on their way to the host.
pub(crate) struct Reading {
    mapped: Signal<Result<(), wgpu::BufferAsyncError>>,
    bytes: u64,
    /// What must be done first.
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
        // Offsets in a part are counted in bytes and in u32.
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

    /// What products can be computed in.
    pub fn maths(&self) -> impl Iterator<Item = Math> {
        let Adapter { shader_f16, packed_products, .. } = self.adapter;
        let maths = [(Math::F32, true), (Math::F16, shader_f16), (Math::Int8, packed_products)];
        maths.into_iter().filter_map(|(math, possible)| possible.then_some(math))
    }

    /// Bytes of memory that a workgroup may have.
    pub fn workgroup_memory(&self) -> u32 {
        self.limits.max_compute_workgroup_storage_size
    }

    /// Makes a zeroed buffer. That memory has run out may turn out only in [`Device::settle`].
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

    /// Waits until it is known whether the buffers made so far exist, and reports what else went wrong.
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

    /// Counts bytes on their way and waits for the device when they are many.
    pub async fn sent(&self, bytes: u64) -> Result<(), BackendError> {
        self.in_flight.set(self.in_flight.get() + bytes);
        if self.in_flight.get() >= MAX_IN_FLIGHT {
            self.calls.submit(None);
            self.idle().await?;
        }
        Ok(())
    }

    /// Waits until everything submitted is done, so that a write behind it can be read. (On the web wgpu's own way
    /// takes an executor of futures that needs shared memory.)
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

    /// Asks for the first bytes of a mappable buffer, as they will be behind the work submitted so far.
    pub fn ask(&self, buffer: &Buffer, bytes: u64) -> Reading {
        let (sender, mapped) = signal();
        self.calls.map(buffer, bytes, move |result| sender.send(result));
        Reading { mapped, bytes, submission: self.calls.last_submission() }
    }

    /// Waits for what was asked for; work that was submitted later goes on.
    pub async fn receive<T: bytemuck::Pod>(
        &self,
        buffer: &Buffer,
        reading: &mut Reading,
    ) -> Result<Vec<T>, BackendError> {
        platform::drive(self.calls.device(), reading.submission.clone());
        let values = match (&mut reading.mapped).await {
            None => Err("the device forgot the request".to_owned()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(())) => copied(buffer, reading.bytes).map_err(|error| error.to_string()),
        };
        if values.is_err() {
            // A device that goes away takes its buffers along before it says so.
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

/// Foreign bytes that must be copied are copied in pieces of this size.
const FOREIGN_PIECE: usize = 1 << 20;
