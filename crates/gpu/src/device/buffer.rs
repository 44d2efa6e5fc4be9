//! Buffers of a device.

/// A buffer that frees its memory when dropped, instead of when it is garbage-collected.
pub(crate) struct Buffer(wgpu::Buffer);

impl Buffer {
    /// Takes ownership of a new buffer.
    pub fn new(buffer: wgpu::Buffer) -> Buffer {
        Buffer(buffer)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

impl std::ops::Deref for Buffer {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.0
    }
}
