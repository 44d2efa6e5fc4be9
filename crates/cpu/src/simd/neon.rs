//! 64-bit ARM with NEON, which all of these processors have: a vector is two registers.

use std::arch::aarch64::{
    float32x4_t, int16x8_t, int32x4_t, vabsq_f32, vaddq_f32, vaddq_s32, vaddvq_f32, vandq_s16, vandq_s32,
    vbslq_f32, vcgtq_f32, vcltq_f32, vcombine_s16, vcvtnq_s32_f32, vcvtq_f32_s32, vdivq_f32, vdupq_n_f32,
    vdupq_n_s16, vdupq_n_s32, vfmaq_f32, vget_high_u16, vget_low_s8, vget_low_s16, vget_low_u16, vld1_s8,
    vld1_u8, vld1q_f32, vld1q_s8, vld1q_s16, vld1q_s32, vld1q_u8, vld1q_u16, vmaxvq_f32, vmovl_high_s8,
    vmovl_high_s16, vmovl_s8, vmovl_s16, vmovl_u8, vmull_high_s16, vmull_s16, vmulq_f32, vorrq_s16,
    vpaddq_s32, vqmovn_s32, vqtbl1q_u8, vreinterpretq_f32_s32, vreinterpretq_s16_s32, vreinterpretq_s16_u8,
    vreinterpretq_s16_u16, vreinterpretq_s32_f32, vreinterpretq_s32_u32, vreinterpretq_u8_s16,
    vreinterpretq_u16_s16, vrndnq_f32, vshll_n_u16, vshlq_n_s16, vshlq_n_s32, vshrq_n_u16, vst1q_f32,
    vst1q_s16, vst1q_s32, vsubq_f32, vsubq_s16,
};

use super::vectors::{Kernel, Simd};

/// Exists only on 64-bit ARM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon;

impl Neon {
    /// Runs `kernel`; everything is compiled for NEON anyway.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

#[inline(always)]
fn both<T: Copy, U>(a: [T; 2], f: impl Fn(T) -> U) -> [U; 2] {
    [f(a[0]), f(a[1])]
}

#[inline(always)]
fn pairwise<T: Copy, U>(a: [T; 2], b: [T; 2], f: impl Fn(T, T) -> U) -> [U; 2] {
    [f(a[0], b[0]), f(a[1], b[1])]
}

/// One method of the trait whose body is intrinsics.
macro_rules! intrinsics {
    ($($name:ident $(<const $n:ident: i32>)? ($($arg:ident: $type:ty),*) $(-> $out:ty)? = $body:expr;)*) => {
        $(
            #[inline(always)]
            fn $name $(<const $n: i32>)? (self, $($arg: $type),*) $(-> $out)? {
                // SAFETY: the target has NEON; loads and stores take any alignment and stay in the array that the
                // reference covers.
                unsafe { $body }
            }
        )*
    };
}

impl Simd for Neon {
    type I16 = [int16x8_t; 2];
    type I32 = [int32x4_t; 2];
    type F32 = [float32x4_t; 2];

    intrinsics! {
        load_i16(from: &[i16; 16]) -> [int16x8_t; 2] =
            [vld1q_s16(from.as_ptr()), vld1q_s16(from.as_ptr().add(8))];
        store_i16(v: [int16x8_t; 2], to: &mut [i16; 16]) = {
            vst1q_s16(to.as_mut_ptr(), v[0]);
            vst1q_s16(to.as_mut_ptr().add(8), v[1]);
        };
        load_i8(from: &[i8; 16]) -> [int16x8_t; 2] = {
            let bytes = vld1q_s8(from.as_ptr());
            [vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)]
        };
        splat_i16(v: i16) -> [int16x8_t; 2] = [vdupq_n_s16(v); 2];
        splat_pair(pair: [i16; 2]) -> [int16x8_t; 2] =
            [vreinterpretq_s16_s32(vdupq_n_s32(bytemuck::cast(pair))); 2];
        and(a: [int16x8_t; 2], b: [int16x8_t; 2]) -> [int16x8_t; 2] = pairwise(a, b, |a, b| vandq_s16(a, b));
        or(a: [int16x8_t; 2], b: [int16x8_t; 2]) -> [int16x8_t; 2] = pairwise(a, b, |a, b| vorrq_s16(a, b));
        sub_i16(a: [int16x8_t; 2], b: [int16x8_t; 2]) -> [int16x8_t; 2] =
            pairwise(a, b, |a, b| vsubq_s16(a, b));
        shr<const N: i32>(v: [int16x8_t; 2]) -> [int16x8_t; 2] =
            both(v, |v| vreinterpretq_s16_u16(vshrq_n_u16::<N>(vreinterpretq_u16_s16(v))));
        shl_8(v: [int16x8_t; 2]) -> [int16x8_t; 2] = both(v, |v| vshlq_n_s16::<8>(v));
        lookup(table: &[u8; 16], codes: [int16x8_t; 2]) -> [int16x8_t; 2] = {
            let table = vld1q_u8(table.as_ptr());
            both(codes, |codes| vreinterpretq_s16_u8(vqtbl1q_u8(table, vreinterpretq_u8_s16(codes))))
        };
        dot(a: [int16x8_t; 2], b: [int16x8_t; 2]) -> [int32x4_t; 2] = pairwise(a, b, |a, b| {
            vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b))
        });
        load_i32(from: &[i32; 8]) -> [int32x4_t; 2] =
            [vld1q_s32(from.as_ptr()), vld1q_s32(from.as_ptr().add(4))];
        store_i32(v: [int32x4_t; 2], to: &mut [i32; 8]) = {
            vst1q_s32(to.as_mut_ptr(), v[0]);
            vst1q_s32(to.as_mut_ptr().add(4), v[1]);
        };
        splat_i32(v: i32) -> [int32x4_t; 2] = [vdupq_n_s32(v); 2];
        add_i32(a: [int32x4_t; 2], b: [int32x4_t; 2]) -> [int32x4_t; 2] =
            pairwise(a, b, |a, b| vaddq_s32(a, b));
        to_f32(v: [int32x4_t; 2]) -> [float32x4_t; 2] = both(v, |v| vcvtq_f32_s32(v));
        load(from: &[f32; 8]) -> [float32x4_t; 2] =
            [vld1q_f32(from.as_ptr()), vld1q_f32(from.as_ptr().add(4))];
        store(v: [float32x4_t; 2], to: &mut [f32; 8]) = {
            vst1q_f32(to.as_mut_ptr(), v[0]);
            vst1q_f32(to.as_mut_ptr().add(4), v[1]);
        };
        load_f16(from: &[u16; 8]) -> [float32x4_t; 2] = {
            // As in the portable path: move sign and exponent, then correct the bias.
            let bits = vld1q_s16(from.as_ptr().cast());
            both([vmovl_s16(vget_low_s16(bits)), vmovl_high_s16(bits)], |wide| {
                let moved = vandq_s32(vshlq_n_s32::<13>(wide), vdupq_n_s32(0x8fff_ffff_u32 as i32));
                vmulq_f32(vreinterpretq_f32_s32(moved), vdupq_n_f32(f32::from_bits((127 + 112) << 23)))
            })
        };
        load_bf16(from: &[u16; 8]) -> [float32x4_t; 2] = {
            let bits = vld1q_u16(from.as_ptr());
            both([vget_low_u16(bits), vget_high_u16(bits)], |half| {
                vreinterpretq_f32_s32(vreinterpretq_s32_u32(vshll_n_u16::<16>(half)))
            })
        };
        load_u8_f32(from: &[u8; 8]) -> [float32x4_t; 2] = {
            let wide = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(from.as_ptr())));
            both([vmovl_s16(vget_low_s16(wide)), vmovl_high_s16(wide)], |v| vcvtq_f32_s32(v))
        };
        load_i8_f32(from: &[i8; 8]) -> [float32x4_t; 2] = {
            let wide = vmovl_s8(vld1_s8(from.as_ptr()));
            both([vmovl_s16(vget_low_s16(wide)), vmovl_high_s16(wide)], |v| vcvtq_f32_s32(v))
        };
        splat(v: f32) -> [float32x4_t; 2] = [vdupq_n_f32(v); 2];
        add(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            pairwise(a, b, |a, b| vaddq_f32(a, b));
        sub(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            pairwise(a, b, |a, b| vsubq_f32(a, b));
        mul(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            pairwise(a, b, |a, b| vmulq_f32(a, b));
        div(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            pairwise(a, b, |a, b| vdivq_f32(a, b));
        mul_add(a: [float32x4_t; 2], b: [float32x4_t; 2], c: [float32x4_t; 2]) -> [float32x4_t; 2] =
            [vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])];
        // The instructions for these return NaN if either operand is NaN.
        max(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            pairwise(a, b, |a, b| vbslq_f32(vcgtq_f32(a, b), a, b));
        min(a: [float32x4_t; 2], b: [float32x4_t; 2]) -> [float32x4_t; 2] =
            pairwise(a, b, |a, b| vbslq_f32(vcltq_f32(a, b), a, b));
        abs(v: [float32x4_t; 2]) -> [float32x4_t; 2] = both(v, |v| vabsq_f32(v));
        round(v: [float32x4_t; 2]) -> [float32x4_t; 2] = both(v, |v| vrndnq_f32(v));
        exponent(v: [float32x4_t; 2]) -> [float32x4_t; 2] =
            both(v, |v| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vreinterpretq_s32_f32(v))));
        store_as_i16(v: [float32x4_t; 2], to: &mut [i16; 8]) = {
            let narrow = both(v, |v| vqmovn_s32(vcvtnq_s32_f32(v)));
            vst1q_s16(to.as_mut_ptr(), vcombine_s16(narrow[0], narrow[1]));
        };
        reduce_add(v: [float32x4_t; 2]) -> f32 = vaddvq_f32(vaddq_f32(v[0], v[1]));
        reduce_max(v: [float32x4_t; 2]) -> f32 = vmaxvq_f32(v[0]).max(vmaxvq_f32(v[1]));
    }
}
