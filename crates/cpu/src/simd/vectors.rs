//! The vector operations of kernels.

/// Vector operations of one instruction set. A value exists only if the processor has the instructions, so the methods
/// are safe.
///
/// The lane order is the memory order. If an operand is NaN, results depend on the instruction set.
pub(crate) trait Simd: Copy {
    /// Number of vectors that fit the registers.
    const REGISTERS: usize = 16;
    /// Sixteen 16-bit integers.
    type I16: Copy;
    /// Eight 32-bit integers.
    type I32: Copy;
    /// Eight 32-bit floats.
    type F32: Copy;

    fn load_i16(self, from: &[i16; 16]) -> Self::I16;
    fn store_i16(self, v: Self::I16, to: &mut [i16; 16]);
    /// Sign-extends.
    fn load_i8(self, from: &[i8; 16]) -> Self::I16;
    fn splat_i16(self, v: i16) -> Self::I16;
    /// The two values, alternating eight times.
    fn splat_pair(self, pair: [i16; 2]) -> Self::I16;
    fn and(self, a: Self::I16, b: Self::I16) -> Self::I16;
    fn or(self, a: Self::I16, b: Self::I16) -> Self::I16;
    fn sub_i16(self, a: Self::I16, b: Self::I16) -> Self::I16;
    /// Shifts zeros in.
    fn shr<const N: i32>(self, v: Self::I16) -> Self::I16;
    /// Moves the lower byte of each lane to the upper one and shifts zeros in.
    fn shl_8(self, v: Self::I16) -> Self::I16;
    /// `table[code]` for each byte, all below 16.
    fn lookup(self, table: &[u8; 16], codes: Self::I16) -> Self::I16;
    /// `a[2i] * b[2i] + a[2i + 1] * b[2i + 1]` for each lane i.
    fn dot(self, a: Self::I16, b: Self::I16) -> Self::I32;

    fn load_i32(self, from: &[i32; 8]) -> Self::I32;
    fn store_i32(self, v: Self::I32, to: &mut [i32; 8]);
    fn splat_i32(self, v: i32) -> Self::I32;
    fn add_i32(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn to_f32(self, v: Self::I32) -> Self::F32;

    fn load(self, from: &[f32; 8]) -> Self::F32;
    fn store(self, v: Self::F32, to: &mut [f32; 8]);
    /// IEEE half to f32; infinities and NaNs may become large finite numbers.
    fn load_f16(self, from: &[u16; 8]) -> Self::F32;
    /// bfloat16 to f32.
    fn load_bf16(self, from: &[u16; 8]) -> Self::F32;
    /// Unsigned bytes to f32.
    fn load_u8_f32(self, from: &[u8; 8]) -> Self::F32;
    /// Signed bytes to f32.
    fn load_i8_f32(self, from: &[i8; 8]) -> Self::F32;
    fn splat(self, v: f32) -> Self::F32;
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn sub(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b + c`, rounded once or twice.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// The greater lane by lane; `b` if either is NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The lesser lane by lane; `b` if either is NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    fn abs(self, v: Self::F32) -> Self::F32;
    /// To the nearest integer, halves to even.
    fn round(self, v: Self::F32) -> Self::F32;
    /// The low nine bits of each lane as sign and exponent of a float whose mantissa is 0.
    fn exponent(self, v: Self::F32) -> Self::F32;
    /// Stores the nearest integers, which fit 16 bits; halves become even.
    fn store_as_i16(self, v: Self::F32, to: &mut [i16; 8]);
    fn reduce_add(self, v: Self::F32) -> f32;
    fn reduce_max(self, v: Self::F32) -> f32;

    /// Prefetches the cache line `ahead` bytes after the start of `from`, if the instruction set can. The address may
    /// be invalid.
    fn prefetch<T>(self, from: &T, ahead: usize) {
        let _ = (from, ahead);
    }
}

/// A computation that runs on any instruction set. Implement `run` with `#[inline(always)]`, and every generic function
/// that it calls, too: a function that is not inlined is compiled without the instruction set's features.
pub(crate) trait Kernel {
    /// The result.
    type Output;
    /// The computation.
    fn run<S: Simd>(self, s: S) -> Self::Output;
}
