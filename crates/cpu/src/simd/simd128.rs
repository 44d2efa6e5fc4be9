//! WebAssembly's 128-bit SIMD: a vector is two registers.

use core::arch::wasm32::{
    f32x4_abs, f32x4_add, f32x4_convert_i32x4, f32x4_div, f32x4_extract_lane, f32x4_mul, f32x4_nearest,
    f32x4_pmax, f32x4_pmin, f32x4_splat, f32x4_sub, i8x16_shuffle, i8x16_swizzle, i16x8_load_extend_i8x8,
    i16x8_shl, i16x8_splat, i16x8_sub, i32x4_add, i32x4_dot_i16x8, i32x4_extend_high_i16x8,
    i32x4_extend_high_u16x8, i32x4_extend_low_i16x8, i32x4_extend_low_u16x8, i32x4_shl, i32x4_splat,
    u16x8_load_extend_u8x8, u16x8_shr, v128, v128_and, v128_load, v128_or, v128_store,
};

use super::byte_vectors::ByteSimd;
use super::relaxed;
use super::vectors::Simd;

/// Exists only in modules compiled with `simd128`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simd128;

#[inline(always)]
fn both(a: [v128; 2], f: impl Fn(v128) -> v128) -> [v128; 2] {
    [f(a[0]), f(a[1])]
}

#[inline(always)]
fn pairwise(a: [v128; 2], b: [v128; 2], f: impl Fn(v128, v128) -> v128) -> [v128; 2] {
    [f(a[0], b[0]), f(a[1], b[1])]
}

/// Loads an array of 32 bytes.
#[inline(always)]
fn load_32<T>(from: &T) -> [v128; 2] {
    const { assert!(size_of::<T>() == 32) };
    let from: *const v128 = std::ptr::from_ref(from).cast();
    // SAFETY: the reference covers 32 bytes; `v128_load` takes any alignment.
    unsafe { [v128_load(from), v128_load(from.add(1))] }
}

/// Stores to an array of 32 bytes.
#[inline(always)]
fn store_32<T>(v: [v128; 2], to: &mut T) {
    const { assert!(size_of::<T>() == 32) };
    let to: *mut v128 = std::ptr::from_mut(to).cast();
    // SAFETY: the reference covers 32 bytes; `v128_store` takes any alignment. Every bit pattern is a value of the
    // integer and float arrays that this is called with.
    unsafe {
        v128_store(to, v[0]);
        v128_store(to.add(1), v[1]);
    }
}

/// Loads an array of 16 bytes.
#[inline(always)]
fn load_16<T>(from: &T) -> v128 {
    const { assert!(size_of::<T>() == 16) };
    // SAFETY: the reference covers 16 bytes; `v128_load` takes any alignment.
    unsafe { v128_load(std::ptr::from_ref(from).cast()) }
}

#[inline(always)]
fn splat(v: v128) -> [v128; 2] {
    [v, v]
}

impl Simd for Simd128 {
    // x86-64 has sixteen registers of 128 bits.
    const REGISTERS: usize = 8;
    type I16 = [v128; 2];
    type I32 = [v128; 2];
    type F32 = [v128; 2];

    #[inline(always)]
    fn load_i16(self, from: &[i16; 16]) -> [v128; 2] {
        load_32(from)
    }
    #[inline(always)]
    fn store_i16(self, v: [v128; 2], to: &mut [i16; 16]) {
        store_32(v, to);
    }
    #[inline(always)]
    fn load_i8(self, from: &[i8; 16]) -> [v128; 2] {
        let from = from.as_ptr();
        // SAFETY: the reference covers 16 bytes, and each load reads 8 of them.
        unsafe { [i16x8_load_extend_i8x8(from), i16x8_load_extend_i8x8(from.add(8))] }
    }
    #[inline(always)]
    fn splat_i16(self, v: i16) -> [v128; 2] {
        splat(i16x8_splat(v))
    }
    #[inline(always)]
    fn splat_pair(self, pair: [i16; 2]) -> [v128; 2] {
        splat(i32x4_splat(bytemuck::cast(pair)))
    }
    #[inline(always)]
    fn and(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| v128_and(a, b))
    }
    #[inline(always)]
    fn or(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| v128_or(a, b))
    }
    #[inline(always)]
    fn sub_i16(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| i16x8_sub(a, b))
    }
    #[inline(always)]
    fn shr<const N: i32>(self, v: [v128; 2]) -> [v128; 2] {
        both(v, |v| u16x8_shr(v, N as u32))
    }
    #[inline(always)]
    fn shl_8(self, v: [v128; 2]) -> [v128; 2] {
        both(v, |v| i16x8_shl(v, 8))
    }
    #[inline(always)]
    fn lookup(self, table: &[u8; 16], codes: [v128; 2]) -> [v128; 2] {
        let table = load_16(table);
        both(codes, |codes| i8x16_swizzle(table, codes))
    }
    #[inline(always)]
    fn dot(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| i32x4_dot_i16x8(a, b))
    }
    #[inline(always)]
    fn load_i32(self, from: &[i32; 8]) -> [v128; 2] {
        load_32(from)
    }
    #[inline(always)]
    fn store_i32(self, v: [v128; 2], to: &mut [i32; 8]) {
        store_32(v, to);
    }
    #[inline(always)]
    fn splat_i32(self, v: i32) -> [v128; 2] {
        splat(i32x4_splat(v))
    }
    #[inline(always)]
    fn add_i32(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| i32x4_add(a, b))
    }
    #[inline(always)]
    fn to_f32(self, v: [v128; 2]) -> [v128; 2] {
        both(v, |v| f32x4_convert_i32x4(v))
    }
    #[inline(always)]
    fn load(self, from: &[f32; 8]) -> [v128; 2] {
        load_32(from)
    }
    #[inline(always)]
    fn store(self, v: [v128; 2], to: &mut [f32; 8]) {
        store_32(v, to);
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; 8]) -> [v128; 2] {
        // As in the portable path: move sign and exponent, then correct the bias.
        let bits = load_16(from);
        both([i32x4_extend_low_i16x8(bits), i32x4_extend_high_i16x8(bits)], |wide| {
            let moved = v128_and(i32x4_shl(wide, 13), i32x4_splat(0x8fff_ffff_u32 as i32));
            f32x4_mul(moved, i32x4_splat((127 + 112) << 23))
        })
    }
    #[inline(always)]
    fn load_bf16(self, from: &[u16; 8]) -> [v128; 2] {
        let bits = load_16(from);
        both([i32x4_extend_low_u16x8(bits), i32x4_extend_high_u16x8(bits)], |v| i32x4_shl(v, 16))
    }
    #[inline(always)]
    fn load_u8_f32(self, from: &[u8; 8]) -> [v128; 2] {
        // SAFETY: the reference covers 8 bytes.
        let wide = unsafe { u16x8_load_extend_u8x8(from.as_ptr()) };
        self.to_f32([i32x4_extend_low_u16x8(wide), i32x4_extend_high_u16x8(wide)])
    }
    #[inline(always)]
    fn load_i8_f32(self, from: &[i8; 8]) -> [v128; 2] {
        // SAFETY: the reference covers 8 bytes.
        let wide = unsafe { i16x8_load_extend_i8x8(from.as_ptr()) };
        self.to_f32([i32x4_extend_low_i16x8(wide), i32x4_extend_high_i16x8(wide)])
    }
    #[inline(always)]
    fn splat(self, v: f32) -> [v128; 2] {
        splat(f32x4_splat(v))
    }
    #[inline(always)]
    fn add(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| f32x4_add(a, b))
    }
    #[inline(always)]
    fn sub(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| f32x4_sub(a, b))
    }
    #[inline(always)]
    fn mul(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| f32x4_mul(a, b))
    }
    #[inline(always)]
    fn div(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| f32x4_div(a, b))
    }
    #[inline(always)]
    fn mul_add(self, a: [v128; 2], b: [v128; 2], c: [v128; 2]) -> [v128; 2] {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn max(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        // `pmax(x, y)` is `x < y ? y : x`.
        pairwise(a, b, |a, b| f32x4_pmax(b, a))
    }
    #[inline(always)]
    fn min(self, a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
        pairwise(a, b, |a, b| f32x4_pmin(b, a))
    }
    #[inline(always)]
    fn abs(self, v: [v128; 2]) -> [v128; 2] {
        both(v, |v| f32x4_abs(v))
    }
    #[inline(always)]
    fn round(self, v: [v128; 2]) -> [v128; 2] {
        both(v, |v| f32x4_nearest(v))
    }
    #[inline(always)]
    fn exponent(self, v: [v128; 2]) -> [v128; 2] {
        both(v, |v| i32x4_shl(v, 23))
    }
    #[inline(always)]
    fn store_as_i16(self, v: [v128; 2], to: &mut [i16; 8]) {
        // The low bits of the mantissa of this sum are the integer. Engines compile a conversion to several
        // instructions, but this addition to one.
        let moved = both(v, |v| f32x4_add(v, f32x4_splat(12_582_912.0)));
        let narrow =
            i8x16_shuffle::<0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29>(moved[0], moved[1]);
        // SAFETY: the reference covers 16 bytes; `v128_store` takes any alignment.
        unsafe { v128_store(to.as_mut_ptr().cast(), narrow) };
    }
    #[inline(always)]
    fn reduce_add(self, v: [v128; 2]) -> f32 {
        let four = f32x4_add(v[0], v[1]);
        let two = f32x4_add(
            four,
            i8x16_shuffle::<8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7>(four, four),
        );
        f32x4_extract_lane::<0>(two) + f32x4_extract_lane::<1>(two)
    }
    #[inline(always)]
    fn reduce_max(self, v: [v128; 2]) -> f32 {
        // `f32x4_max` is several instructions, because of NaN.
        let four = f32x4_pmax(v[0], v[1]);
        let two = f32x4_pmax(
            four,
            i8x16_shuffle::<8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7>(four, four),
        );
        let one = f32x4_pmax(two, i8x16_shuffle::<4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3>(two, two));
        f32x4_extract_lane::<0>(one)
    }
}

/// Faster than the methods of [`Simd`] only in modules with relaxed SIMD.
impl ByteSimd for Simd128 {
    #[inline(always)]
    fn dot_bytes(self, codes: [v128; 2], q: [v128; 2], sum: [v128; 2]) -> [v128; 2] {
        [relaxed::dot(q[0], codes[0], sum[0]), relaxed::dot(q[1], codes[1], sum[1])]
    }
    #[inline(always)]
    fn shl_8_i32(self, v: [v128; 2]) -> [v128; 2] {
        both(v, |v| i32x4_shl(v, 8))
    }
}
