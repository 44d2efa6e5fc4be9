//! Arrays and plain loops, for other processors, and as the reference in tests.

#[cfg(test)]
use super::byte_vectors::ByteSimd;
use super::vectors::Simd;

/// Plain Rust.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

/// Decodes a finite half; infinities and NaNs are decoded as if their exponent were a finite one.
#[inline(always)]
fn decode_f16(bits: u16) -> f32 {
    // Move sign and exponent to their places in an f32, whose bias is greater by 112. The product also makes normal
    // numbers of subnormal halves (now subnormal f32).
    let moved = (i32::from(bits as i16) << 13) as u32 & 0x8fff_ffff;
    f32::from_bits(moved) * f32::from_bits((127 + 112) << 23)
}

#[inline(always)]
fn map<T: Copy, U, const N: usize>(a: [T; N], f: impl Fn(T) -> U) -> [U; N] {
    std::array::from_fn(|i| f(a[i]))
}

#[inline(always)]
fn zip<T: Copy, const N: usize>(a: [T; N], b: [T; N], f: impl Fn(T, T) -> T) -> [T; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type I16 = [i16; 16];
    type I32 = [i32; 8];
    type F32 = [f32; 8];

    #[inline(always)]
    fn load_i16(self, from: &[i16; 16]) -> [i16; 16] {
        *from
    }
    #[inline(always)]
    fn store_i16(self, v: [i16; 16], to: &mut [i16; 16]) {
        *to = v;
    }
    #[inline(always)]
    fn load_i8(self, from: &[i8; 16]) -> [i16; 16] {
        map(*from, i16::from)
    }
    #[inline(always)]
    fn splat_i16(self, v: i16) -> [i16; 16] {
        [v; 16]
    }
    #[inline(always)]
    fn splat_pair(self, pair: [i16; 2]) -> [i16; 16] {
        std::array::from_fn(|i| pair[i % 2])
    }
    #[inline(always)]
    fn and(self, a: [i16; 16], b: [i16; 16]) -> [i16; 16] {
        zip(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn or(self, a: [i16; 16], b: [i16; 16]) -> [i16; 16] {
        zip(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn sub_i16(self, a: [i16; 16], b: [i16; 16]) -> [i16; 16] {
        zip(a, b, i16::wrapping_sub)
    }
    #[inline(always)]
    fn shr<const N: i32>(self, v: [i16; 16]) -> [i16; 16] {
        map(v, |v| (v as u16 >> N) as i16)
    }
    #[inline(always)]
    fn shl_8(self, v: [i16; 16]) -> [i16; 16] {
        map(v, |v| v << 8)
    }
    #[inline(always)]
    fn lookup(self, table: &[u8; 16], codes: [i16; 16]) -> [i16; 16] {
        map(codes, |codes| i16::from_le_bytes(codes.to_le_bytes().map(|code| table[usize::from(code % 16)])))
    }
    #[inline(always)]
    fn dot(self, a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
        let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
        std::array::from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1)))
    }
    #[inline(always)]
    fn load_i32(self, from: &[i32; 8]) -> [i32; 8] {
        *from
    }
    #[inline(always)]
    fn store_i32(self, v: [i32; 8], to: &mut [i32; 8]) {
        *to = v;
    }
    #[inline(always)]
    fn splat_i32(self, v: i32) -> [i32; 8] {
        [v; 8]
    }
    #[inline(always)]
    fn add_i32(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        zip(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn to_f32(self, v: [i32; 8]) -> [f32; 8] {
        map(v, |v| v as f32)
    }
    #[inline(always)]
    fn load(self, from: &[f32; 8]) -> [f32; 8] {
        *from
    }
    #[inline(always)]
    fn store(self, v: [f32; 8], to: &mut [f32; 8]) {
        *to = v;
    }
    #[inline(always)]
    fn load_f16(self, from: &[u16; 8]) -> [f32; 8] {
        map(*from, decode_f16)
    }
    #[inline(always)]
    fn load_bf16(self, from: &[u16; 8]) -> [f32; 8] {
        map(*from, |bits| f32::from_bits(u32::from(bits) << 16))
    }
    #[inline(always)]
    fn load_u8_f32(self, from: &[u8; 8]) -> [f32; 8] {
        map(*from, f32::from)
    }
    #[inline(always)]
    fn load_i8_f32(self, from: &[i8; 8]) -> [f32; 8] {
        map(*from, f32::from)
    }
    #[inline(always)]
    fn splat(self, v: f32) -> [f32; 8] {
        [v; 8]
    }
    #[inline(always)]
    fn add(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(self, a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn max(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn min(self, a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn abs(self, v: [f32; 8]) -> [f32; 8] {
        map(v, f32::abs)
    }
    #[inline(always)]
    fn round(self, v: [f32; 8]) -> [f32; 8] {
        map(v, f32::round_ties_even)
    }
    #[inline(always)]
    fn exponent(self, v: [f32; 8]) -> [f32; 8] {
        map(v, |v| f32::from_bits(v.to_bits() << 23))
    }
    #[inline(always)]
    fn store_as_i16(self, v: [f32; 8], to: &mut [i16; 8]) {
        *to = map(v, |v| v.round_ties_even() as i16);
    }
    #[inline(always)]
    fn reduce_add(self, v: [f32; 8]) -> f32 {
        ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]))
    }
    #[inline(always)]
    fn reduce_max(self, v: [f32; 8]) -> f32 {
        v.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

#[cfg(test)]
impl ByteSimd for Portable {
    #[inline(always)]
    fn dot_bytes(self, codes: [i16; 16], q: [i16; 16], sum: [i32; 8]) -> [i32; 8] {
        std::array::from_fn(|lane| {
            let products = (0..4).map(|i| {
                let byte = |v: [i16; 16]| v[2 * lane + i / 2].to_le_bytes()[i % 2];
                assert!(byte(codes) < 128, "the top bit of a code is set");
                i32::from(byte(codes)) * i32::from(byte(q) as i8)
            });
            sum[lane] + products.sum::<i32>()
        })
    }
    #[inline(always)]
    fn shl_8_i32(self, v: [i32; 8]) -> [i32; 8] {
        map(v, |v| v << 8)
    }
}
