//! Buffers of a device.

/// A buffer that gives its memory back when dropped, instead of when a garbage collector gets to it.
pub(crate) struct Buffer(wgpu::Buffer);

impl Buffer {
    /// Takes over a buffer that was just made.
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
