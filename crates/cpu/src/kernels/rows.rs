//! Norms and element-wise operations.

use crate::simd::{Kernel, Simd};

/// Lanes of an f32 vector.
const LANES: usize = 8;

/// The last, incomplete vector of a row, padded with zeros.
#[inline(always)]
fn padded(part: &[f32]) -> [f32; LANES] {
    let mut full = [0.0; LANES];
    full[..part.len()].copy_from_slice(part);
    full
}

/// `e^x`; 0 for x below -88.
///
/// `e^x = 2^n e^r` with `n = round(x / ln 2)` and `|r| <= ln 2 / 2`, where the Taylor polynomial of degree 6 is exact
/// to 1.2e-7.
#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::F32) -> S::F32 {
    /// The upper bits of ln 2, few enough that `n * LN2_HIGH` is exact, and the rest.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = s.max(s.splat(-88.0), s.min(s.splat(88.0), x));
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.mul_add(n, s.splat(-LN2_HIGH), x);
    let r = s.mul_add(n, s.splat(-LN2_LOW), r);
    let mut sum = s.splat(1.0 / 720.0);
    sum = s.mul_add(sum, r, s.splat(1.0 / 120.0));
    sum = s.mul_add(sum, r, s.splat(1.0 / 24.0));
    sum = s.mul_add(sum, r, s.splat(1.0 / 6.0));
    sum = s.mul_add(sum, r, s.splat(0.5));
    sum = s.mul_add(sum, r, s.splat(1.0));
    sum = s.mul_add(sum, r, s.splat(1.0));
    s.mul(sum, s.pow2(n))
}

/// `out = x / sqrt(mean(x²) + eps) * weight`, one row.
pub(crate) struct RmsNorm<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) weight: &'a [f32],
    pub(crate) eps: f32,
    pub(crate) out: &'a mut [f32],
}

impl Kernel for RmsNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (full, rest) = self.x.as_chunks::<LANES>();
        let mut squares = s.splat(0.0);
        for x in full {
            let x = s.load(x);
            squares = s.mul_add(x, x, squares);
        }
        let x = s.load(&padded(rest));
        let squares = s.reduce_add(s.mul_add(x, x, squares));

        let factor = s.splat(1.0 / (squares / self.x.len() as f32 + self.eps).sqrt());
        let (weights, weight_rest) = self.weight.as_chunks::<LANES>();
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        for ((x, weight), out) in full.iter().zip(weights).zip(out) {
            s.store(s.mul(s.mul(s.load(x), factor), s.load(weight)), out);
        }
        let mut last = [0.0; LANES];
        s.store(s.mul(s.mul(x, factor), s.load(&padded(weight_rest))), &mut last);
        out_rest.copy_from_slice(&last[..out_rest.len()]);
    }
}

/// `out = a + b`.
pub(crate) struct Add<'a> {
    pub(crate) a: &'a [f32],
    pub(crate) b: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _s: S) {
        for ((a, b), out) in self.a.iter().zip(self.b).zip(self.out) {
            *out = a + b;
        }
    }
}

/// `out = silu(gate) * up`.
pub(crate) struct SwiGlu<'a> {
    pub(crate) gate: &'a [f32],
    pub(crate) up: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

#[inline(always)]
fn swiglu<S: Simd>(s: S, gate: S::F32, up: S::F32) -> S::F32 {
    let one = s.splat(1.0);
    let denominator = s.add(one, exp(s, s.sub(s.splat(0.0), gate)));
    s.mul(s.div(gate, denominator), up)
}

impl Kernel for SwiGlu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (gates, gate_rest) = self.gate.as_chunks::<LANES>();
        let (ups, up_rest) = self.up.as_chunks::<LANES>();
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        for ((gate, up), out) in gates.iter().zip(ups).zip(out) {
            s.store(swiglu(s, s.load(gate), s.load(up)), out);
        }
        let mut last = [0.0; LANES];
        s.store(swiglu(s, s.load(&padded(gate_rest)), s.load(&padded(up_rest))), &mut last);
        out_rest.copy_from_slice(&last[..out_rest.len()]);
    }
}

/// The index of the greatest value, the lowest among equals.
pub(crate) struct Argmax<'a> {
    pub(crate) values: &'a [f32],
}

impl Kernel for Argmax<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> usize {
        let (full, rest) = self.values.as_chunks::<LANES>();
        let mut greatest = s.splat(f32::NEG_INFINITY);
        for values in full {
            greatest = s.max(s.load(values), greatest);
        }
        let greatest = rest.iter().copied().fold(s.reduce_max(greatest), f32::max);
        self.values.iter().position(|&value| value == greatest).unwrap_or(0)
    }
}
