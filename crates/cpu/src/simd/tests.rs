//! Every vector operation of this processor's instruction set against plain Rust. (A library's own tests do not run on
//! wasm; its operations are tested with the kernels, in `tests/oracle.rs`.)

use half::f16;

use super::portable::Portable;
use super::{Isa, Kernel, Simd, encode_f16};

/// Numbers of all kinds from a counter (xorshift).
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn bytes(&mut self) -> [i8; 16] {
        std::array::from_fn(|_| self.next() as i8)
    }

    fn words(&mut self) -> [i16; 16] {
        std::array::from_fn(|_| self.next() as i16)
    }

    fn floats(&mut self) -> [f32; 8] {
        std::array::from_fn(|_| (self.next() as i32) as f32 / 65536.0)
    }
}

/// Compares a thousand results of each operation.
struct Compare;

impl Kernel for Compare {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut numbers = Numbers(0x9e37_79b9);
        for _ in 0..1000 {
            integers(s, &mut numbers);
            floats(s, &mut numbers);
            conversions(s, &mut numbers);
        }
    }
}

#[inline(always)]
fn integers<S: Simd>(s: S, numbers: &mut Numbers) {
    let p = Portable;
    let (a, b, bytes) = (numbers.words(), numbers.words(), numbers.bytes());
    let (va, vb) = (s.load_i16(&a), s.load_i16(&b));
    let words = |v: S::I16| {
        let mut out = [0; 16];
        s.store_i16(v, &mut out);
        out
    };
    // Exact in f32, because the sums of kernels are below 2^24.
    let small = |v: [i16; 16]| v.map(|v| v >> 4);
    let wide = |v: S::I32| {
        let mut out = [0.0; 8];
        s.store(s.to_f32(v), &mut out);
        out
    };
    assert_eq!(words(s.load_i8(&bytes)), p.load_i8(&bytes));
    assert_eq!(words(s.splat_i16(a[0])), p.splat_i16(a[0]));
    assert_eq!(words(s.splat_pair([a[0], a[1]])), p.splat_pair([a[0], a[1]]));
    assert_eq!(words(s.and(va, vb)), p.and(a, b));
    assert_eq!(words(s.or(va, vb)), p.or(a, b));
    assert_eq!(words(s.sub_i16(va, vb)), p.sub_i16(a, b));
    assert_eq!(words(s.shr::<5>(va)), p.shr::<5>(a));
    assert_eq!(words(s.shr::<12>(va)), p.shr::<12>(a));
    assert_eq!(words(s.shl_8(va)), p.shl_8(a));
    let (codes, table) = (a.map(|codes| codes & 0x0f0f), bytes.map(|byte| byte as u8));
    assert_eq!(words(s.lookup(&table, s.load_i16(&codes))), p.lookup(&table, codes));
    let dot = s.dot(s.load_i16(&small(a)), s.load_i16(&small(b)));
    let portable_dot = p.dot(small(a), small(b));
    assert_eq!(wide(dot), p.to_f32(portable_dot));
    let sum = p.add_i32(portable_dot, p.splat_i32(12_345));
    assert_eq!(wide(s.add_i32(dot, s.splat_i32(12_345))), p.to_f32(sum));
    let mut stored = [0; 8];
    s.store_i32(dot, &mut stored);
    assert_eq!(stored, portable_dot);
    assert_eq!(wide(s.load_i32(&stored)), p.to_f32(portable_dot));
}

#[inline(always)]
fn floats<S: Simd>(s: S, numbers: &mut Numbers) {
    let p = Portable;
    let (a, b, c) = (numbers.floats(), numbers.floats(), numbers.floats());
    let (va, vb, vc) = (s.load(&a), s.load(&b), s.load(&c));
    let get = |v: S::F32| {
        let mut out = [0.0; 8];
        s.store(v, &mut out);
        out
    };
    assert_eq!(get(s.splat(a[0])), p.splat(a[0]));
    assert_eq!(get(s.add(va, vb)), p.add(a, b));
    assert_eq!(get(s.sub(va, vb)), p.sub(a, b));
    assert_eq!(get(s.mul(va, vb)), p.mul(a, b));
    assert_eq!(get(s.div(va, vb)), p.div(a, b));
    assert_eq!(get(s.max(va, vb)), p.max(a, b));
    assert_eq!(get(s.min(va, vb)), p.min(a, b));
    assert_eq!(get(s.abs(va)), p.abs(a));
    assert_eq!(get(s.round(va)), p.round(a));
    // Rounded once or twice.
    for (got, (want, product)) in
        get(s.mul_add(va, vb, vc)).iter().zip(p.mul_add(a, b, c).iter().zip(p.mul(a, b)))
    {
        assert!((got - want).abs() <= product.abs() * 2e-7, "{got} {want}");
    }
    let magnitude: f32 = a.iter().map(|v| v.abs()).sum();
    assert!((s.reduce_add(va) - p.reduce_add(a)).abs() <= magnitude * 1e-6);
    assert_eq!(s.reduce_max(va), p.reduce_max(a));
}

#[inline(always)]
fn conversions<S: Simd>(s: S, numbers: &mut Numbers) {
    let p = Portable;
    let (words, bytes, floats) = (numbers.words(), numbers.bytes(), numbers.floats());
    let get = |v: S::F32| {
        let mut out = [0.0; 8];
        s.store(v, &mut out);
        out
    };
    let (halves, _) = words.as_chunks::<8>();
    let finite = halves[0].map(|bits| if bits & 0x7c00 == 0x7c00 { 0 } else { bits as u16 });
    assert_eq!(get(s.load_f16(&finite)), p.load_f16(&finite));
    // Compared as bits, because some are NaN.
    let bits = |v: [f32; 8]| v.map(f32::to_bits);
    let upper = halves[1].map(|bits| bits as u16);
    assert_eq!(bits(get(s.load_bf16(&upper))), bits(p.load_bf16(&upper)));
    let (octets, _) = bytes.as_chunks::<8>();
    assert_eq!(get(s.load_i8_f32(&octets[0])), p.load_i8_f32(&octets[0]));
    let unsigned = octets[1].map(|byte| byte as u8);
    assert_eq!(get(s.load_u8_f32(&unsigned)), p.load_u8_f32(&unsigned));
    assert_eq!(bits(get(s.exponent(s.load(&floats)))), bits(p.exponent(floats)));
    let (mut got, mut want) = ([0; 8], [0; 8]);
    s.store_as_i16(s.load(&floats), &mut got);
    p.store_as_i16(floats, &mut want);
    assert_eq!(want, p.round(floats).map(|v| v as i16));
    assert_eq!(got, want);
}

#[test]
fn operations_do_what_plain_rust_does() {
    Isa::choose(false).run(Compare);
}

#[test]
fn every_finite_half_is_read_exactly() {
    for bits in (0..=u16::MAX).filter(|bits| bits & 0x7c00 != 0x7c00) {
        assert_eq!(Portable.load_f16(&[bits; 8])[0], f16::from_bits(bits).to_f32(), "{bits:#x}");
        assert_eq!(encode_f16(f16::from_bits(bits).to_f32()), bits);
    }
}

#[test]
fn halves_are_written_to_the_nearest() {
    let mut numbers = Numbers(1);
    for _ in 0..100_000 {
        // All exponents of halves, and a few beyond either end.
        let value = f32::from_bits(numbers.next() & 0x807f_ffff | (97 + numbers.next() % 48) << 23);
        let nearest = f16::from_f32(value.clamp(-65504.0, 65504.0));
        let got = f16::from_bits(encode_f16(value));
        // Subnormal halves are rounded twice, which may be off by one step.
        let step = if nearest.to_f32().abs() < 6.2e-5 { 6e-8 } else { 0.0 };
        assert!((got.to_f32() - nearest.to_f32()).abs() <= step, "{value}: {got} {nearest}");
    }
}
