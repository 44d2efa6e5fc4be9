//! Norms and element-wise operations.

use linnet_graph::Activation;

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

/// Adding this to a float `n` rounds it to an integer, and leaves `n + 127`, the exponent bits of `2^n`, in the low
/// bits of the mantissa.
const EXPONENT: f32 = 12_582_912.0 + 127.0;

/// Coefficients of `p` in `e^r = 1 + r + r² p(r)`, exact to 1.1e-7 for `|r| <= ln 2 / 2`: the minimax polynomial of
/// degree 3 (by the Remez exchange algorithm).
const P: [f32; 4] = [0.499_992_3, 0.166_671_14, 0.041_890_2, 0.008_312_516];

/// `e^x`; 0 for x below -88. It is `2^n e^r` with `n = round(x / ln 2)`.
#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::F32) -> S::F32 {
    /// The upper bits of ln 2, few enough that `n * LN2_HIGH` is exact, and the rest.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = s.max(s.splat(-88.0), s.min(s.splat(88.0), x));
    let power = s.mul_add(x, s.splat(std::f32::consts::LOG2_E), s.splat(EXPONENT));
    let n = s.sub(power, s.splat(EXPONENT));
    let r = s.mul_add(n, s.splat(-LN2_HIGH), x);
    let r = s.mul_add(n, s.splat(-LN2_LOW), r);
    let mut sum = s.splat(P[3]);
    sum = s.mul_add(sum, r, s.splat(P[2]));
    sum = s.mul_add(sum, r, s.splat(P[1]));
    sum = s.mul_add(sum, r, s.splat(P[0]));
    sum = s.mul_add(sum, r, s.splat(1.0));
    sum = s.mul_add(sum, r, s.splat(1.0));
    s.mul(sum, s.exponent(power))
}

/// `2^x` for x up to 127; 0 for x below -126.5.
#[inline(always)]
pub(super) fn exp2<S: Simd>(s: S, x: S::F32) -> S::F32 {
    const LN: f32 = std::f32::consts::LN_2;
    let x = s.max(s.splat(-127.0), x);
    let power = s.add(x, s.splat(EXPONENT));
    let r = s.sub(x, s.sub(power, s.splat(EXPONENT)));
    let mut sum = s.splat(P[3] * LN * LN * LN * LN * LN);
    sum = s.mul_add(sum, r, s.splat(P[2] * LN * LN * LN * LN));
    sum = s.mul_add(sum, r, s.splat(P[1] * LN * LN * LN));
    sum = s.mul_add(sum, r, s.splat(P[0] * LN * LN));
    sum = s.mul_add(sum, r, s.splat(LN));
    sum = s.mul_add(sum, r, s.splat(1.0));
    s.mul(sum, s.exponent(power))
}

/// `tanh(x)`, to a few units in the last place.
///
/// Lambert's continued fraction at `x / 8`, whose first seven levels are exact to 1e-10 up to 1.25, then three times
/// `tanh(2t) = 2 tanh(t) / (1 + tanh²(t))`, which keeps the relative error. From 10 on the result is 1.
#[inline(always)]
pub(super) fn tanh<S: Simd>(s: S, x: S::F32) -> S::F32 {
    let x = s.max(s.splat(-10.0), s.min(s.splat(10.0), x));
    let x = s.mul(x, s.splat(0.125));
    let square = s.mul(x, x);
    let mut denominator = s.splat(13.0);
    for level in [11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        denominator = s.add(s.splat(level), s.div(square, denominator));
    }
    let mut t = s.div(x, denominator);
    for _ in 0..3 {
        t = s.div(s.add(t, t), s.mul_add(t, t, s.splat(1.0)));
    }
    t
}

/// `out = x / sqrt(mean(x²) + eps) * weight`, one row or one head of it.
pub(crate) struct RmsNorm<'a> {
    pub(crate) x: &'a [f32],
    /// `None`: all ones.
    pub(crate) weight: Option<&'a [f32]>,
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
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        let mut last = s.mul(x, factor);
        match self.weight {
            Some(weight) => {
                let (weights, weight_rest) = weight.as_chunks::<LANES>();
                for ((x, weight), out) in full.iter().zip(weights).zip(out) {
                    s.store(s.mul(s.mul(s.load(x), factor), s.load(weight)), out);
                }
                last = s.mul(last, s.load(&padded(weight_rest)));
            }
            None => {
                for (x, out) in full.iter().zip(out) {
                    s.store(s.mul(s.load(x), factor), out);
                }
            }
        }
        let mut values = [0.0; LANES];
        s.store(last, &mut values);
        out_rest.copy_from_slice(&values[..out_rest.len()]);
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

/// `out = activation(gate) * up`.
pub(crate) struct Gated<'a> {
    pub(crate) activation: Activation,
    pub(crate) gate: &'a [f32],
    pub(crate) up: &'a [f32],
    pub(crate) out: &'a mut [f32],
}

/// `1 + e^-x`, the divisor of a sigmoid.
#[inline(always)]
fn denominator<S: Simd>(s: S, x: S::F32) -> S::F32 {
    s.add(s.splat(1.0), exp(s, s.sub(s.splat(0.0), x)))
}

#[inline(always)]
fn gated<S: Simd>(s: S, activation: Activation, gate: S::F32, up: S::F32) -> S::F32 {
    match activation {
        Activation::Identity => s.mul(gate, up),
        Activation::Silu => s.mul(s.div(gate, denominator(s, gate)), up),
        Activation::Gelu => {
            // 1 + tanh(z) = 2 σ(2z).
            let cubic = s.mul_add(s.mul(gate, gate), s.splat(0.044_715), s.splat(1.0));
            let twice = s.mul(s.mul(gate, cubic), s.splat(1.595_769));
            s.mul(s.div(gate, denominator(s, twice)), up)
        }
        Activation::Relu2 => {
            let positive = s.max(gate, s.splat(0.0));
            s.mul(s.mul(positive, positive), up)
        }
        Activation::Sigmoid => s.div(up, denominator(s, gate)),
        Activation::ClampedSwiGlu => {
            let gate = s.min(gate, s.splat(7.0));
            let up = s.max(s.splat(-7.0), s.min(s.splat(7.0), up));
            let steeper = s.mul(gate, s.splat(1.702));
            s.mul(s.div(gate, denominator(s, steeper)), s.add(up, s.splat(1.0)))
        }
    }
}

impl Kernel for Gated<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let activation = self.activation;
        let (gates, gate_rest) = self.gate.as_chunks::<LANES>();
        let (ups, up_rest) = self.up.as_chunks::<LANES>();
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        for ((gate, up), out) in gates.iter().zip(ups).zip(out) {
            s.store(gated(s, activation, s.load(gate), s.load(up)), out);
        }
        let mut last = [0.0; LANES];
        let (gate, up) = (s.load(&padded(gate_rest)), s.load(&padded(up_rest)));
        s.store(gated(s, activation, gate, up), &mut last);
        out_rest.copy_from_slice(&last[..out_rest.len()]);
    }
}

/// `out = factor * x`.
pub(crate) struct Scale<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) factor: f32,
    pub(crate) out: &'a mut [f32],
}

impl Kernel for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _s: S) {
        for (x, out) in self.x.iter().zip(self.out) {
            *out = x * self.factor;
        }
    }
}

/// `out = cap * tanh(x / cap)`.
pub(crate) struct SoftCap<'a> {
    pub(crate) x: &'a [f32],
    pub(crate) cap: f32,
    pub(crate) out: &'a mut [f32],
}

impl Kernel for SoftCap<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (cap, inverse) = (s.splat(self.cap), s.splat(1.0 / self.cap));
        let (full, rest) = self.x.as_chunks::<LANES>();
        let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
        for (x, out) in full.iter().zip(out) {
            s.store(s.mul(tanh(s, s.mul(s.load(x), inverse)), cap), out);
        }
        let mut last = [0.0; LANES];
        s.store(s.mul(tanh(s, s.mul(s.load(&padded(rest)), inverse)), cap), &mut last);
        out_rest.copy_from_slice(&last[..out_rest.len()]);
    }
}

/// The index of the greatest value; on a tie, the lowest.
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

#[cfg(test)]
mod tests {
    use super::{Argmax, exp, exp2};
    use crate::simd::{Isa, Kernel, Simd};

    struct Exp([f32; 8]);

    impl Kernel for Exp {
        type Output = [f32; 8];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [f32; 8] {
            let mut out = [0.0; 8];
            s.store(exp(s, s.load(&self.0)), &mut out);
            out
        }
    }

    #[test]
    fn exp_is_exact_to_a_few_units_in_the_last_place() {
        for i in -87_000..88_000 {
            let x = i as f32 / 1000.0;
            let [got, ..] = Isa::choose(false).run(Exp([x; 8]));
            let want = f64::from(x).exp();
            assert!((f64::from(got) - want).abs() < want * 3e-7, "exp({x}) = {got}, not {want}");
        }
    }

    struct Exp2([f32; 8]);

    impl Kernel for Exp2 {
        type Output = [f32; 8];

        #[inline(always)]
        fn run<S: Simd>(self, s: S) -> [f32; 8] {
            let mut out = [0.0; 8];
            s.store(exp2(s, s.load(&self.0)), &mut out);
            out
        }
    }

    #[test]
    fn powers_of_two_are_exact_to_a_few_units_in_the_last_place() {
        for i in -126_000..127_000 {
            let x = i as f32 / 1000.0;
            let [got, ..] = Isa::choose(false).run(Exp2([x; 8]));
            let want = f64::from(x).exp2();
            assert!((f64::from(got) - want).abs() < want * 3e-7, "2^{x} = {got}, not {want}");
        }
        let x = [f32::NEG_INFINITY, -1e30, -127.0, 0.0, -0.0, 1.0, -1.0, 10.0];
        assert_eq!(Isa::choose(false).run(Exp2(x)), [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 0.5, 1024.0]);
    }

    #[test]
    fn exp_of_what_is_out_of_range() {
        let x = [f32::NEG_INFINITY, -1e30, -200.0, f32::INFINITY, 200.0, f32::NAN, 0.0, -0.0];
        let y = Isa::choose(false).run(Exp(x));
        assert_eq!(y[..3], [0.0; 3]);
        assert!(y[3] > 1e38 && y[4] > 1e38 && y[5].is_nan());
        assert_eq!(y[6..], [1.0; 2]);
    }

    #[test]
    fn argmax_takes_the_first_of_the_greatest_anywhere() {
        for len in [1, 7, 8, 9, 64, 67] {
            for at in 0..len {
                let mut values = vec![-1.0; len];
                values[at..].fill(2.0);
                assert_eq!(Isa::choose(false).run(Argmax { values: &values }), at);
            }
        }
    }
}
