//! Codes that are indices in a table.

use std::marker::PhantomData;

use linnet_quant::{E2M1_DOUBLED, IQ4_VALUES};

use super::codes::bits3::Bits3;
use super::codes::{Bits4, Codes, QuadSink, Sink};
use crate::layout::first_of_quad;
use crate::simd::Simd;

/// A table of values. Codes of fewer bits use the beginning of it.
pub(crate) trait Table: 'static {
    /// By code.
    const VALUES: [i8; 16];

    /// The least value, which is negative.
    const LEAST: i8 = {
        let (mut least, mut i) = (0, 0);
        while i < 16 {
            least = if Self::VALUES[i] < least { Self::VALUES[i] } else { least };
            i += 1;
        }
        least
    };
    /// The values minus the least one. Kernels look these up, because they are unsigned.
    const SHIFTED: [u8; 16] = {
        let (mut shifted, mut i) = ([0; 16], 0);
        while i < 16 {
            shifted[i] = Self::VALUES[i].wrapping_sub(Self::LEAST) as u8;
            i += 1;
        }
        shifted
    };
    /// Whether these fit 7 bits.
    const SEVEN_BITS: bool = {
        let (mut fit, mut i) = (true, 0);
        while i < 16 {
            fit = fit && Self::SHIFTED[i] < 128;
            i += 1;
        }
        fit
    };
}

/// Codes `C` that are indices in the table `T`.
pub(crate) struct Tabled<C, T>(PhantomData<(C, T)>);

/// Looks up the values of quads. Passes them to a [`QuadSink`] or, as pairs, to a [`Sink`].
struct Lookup<'a, K, const PAIRS: bool> {
    table: &'a [u8; 16],
    sink: &'a mut K,
}

impl<S: Simd, K: QuadSink<S>> QuadSink<S> for Lookup<'_, K, false> {
    #[inline(always)]
    fn quad(&mut self, s: S, index: usize, codes: S::I16) {
        self.sink.quad(s, index, s.lookup(self.table, codes));
    }
}

impl<S: Simd, K: Sink<S>> QuadSink<S> for Lookup<'_, K, true> {
    #[inline(always)]
    fn quad(&mut self, s: S, index: usize, codes: S::I16) {
        let values = s.lookup(self.table, codes);
        let first = first_of_quad(index);
        self.sink.pair(s, first, s.and(values, s.splat_i16(0xff)));
        self.sink.pair(s, first + 2, s.shr::<8>(values));
    }
}

impl<C: Codes, T: Table> Codes for Tabled<C, T> {
    type Words = C::Words;
    const PARTS: usize = C::PARTS;
    const SEVEN_BITS: bool = T::SEVEN_BITS;
    const ZERO: i16 = -(T::LEAST as i16);

    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words {
        C::pack(codes)
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl Sink<S>) {
        C::unpack_quads(s, words, part, &mut Lookup::<_, true> { table: &T::SHIFTED, sink });
    }

    #[inline(always)]
    fn unpack_quads<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl QuadSink<S>) {
        C::unpack_quads(s, words, part, &mut Lookup::<_, false> { table: &T::SHIFTED, sink });
    }
}

/// Declares a [`Table`].
macro_rules! table {
    ($(#[$doc:meta])* $name:ident = $values:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl Table for $name {
            const VALUES: [i8; 16] = $values;
        }
    };
}

/// The 8 magnitudes, then the same negated.
const fn with_signs(magnitudes: [i8; 8]) -> [i8; 16] {
    let mut values = [0; 16];
    let mut i = 0;
    while i < 8 {
        values[i] = magnitudes[i];
        values[i + 8] = -magnitudes[i];
        i += 1;
    }
    values
}

/// A table of 8.
const fn of_eight(values: [i8; 8]) -> [i8; 16] {
    let mut table = [0; 16];
    let mut i = 0;
    while i < 8 {
        table[i] = values[i];
        i += 1;
    }
    table
}

table!(
    /// The values of IQ4_NL and IQ4_XS.
    Iq4Table = IQ4_VALUES
);
table!(
    /// Twice the values of E2M1.
    E2m1Table = E2M1_DOUBLED
);
table!(
    /// Two bits of an octet of IQ2_XXS, IQ2_XS or IQ2_S, then the sign.
    Iq2Table = of_eight([8, 25, 43, 0, -8, -25, -43, 0])
);
table!(
    /// Two bits of an octet of IQ1_S or IQ1_M, then the sign of the shift: eight times the shifted value.
    Iq1Table = of_eight([-7, 1, 9, 0, -9, -1, 7, 0])
);
table!(
    /// Three bits of a quartet of IQ3_XXS, then the sign.
    Iq3XxsTable = with_signs([4, 12, 20, 28, 36, 44, 52, 62])
);
table!(
    /// Three bits of a quartet of IQ3_S, then the sign.
    Iq3STable = with_signs([1, 3, 5, 7, 9, 11, 13, 15])
);

/// IQ4_NL.
pub(crate) type Iq4 = Tabled<Bits4, Iq4Table>;
/// IQ4_XS.
pub(crate) type Iq4Halves = Tabled<Bits4<2>, Iq4Table>;
/// MXFP4 and NVFP4.
pub(crate) type E2m1<const PARTS: usize> = Tabled<Bits4<PARTS>, E2m1Table>;
/// The IQ2 formats.
pub(crate) type Iq2 = Tabled<Bits3, Iq2Table>;
/// The IQ1 formats.
pub(crate) type Iq1 = Tabled<Bits3, Iq1Table>;
/// IQ3_XXS.
pub(crate) type Iq3Xxs = Tabled<Bits4<2>, Iq3XxsTable>;
/// IQ3_S.
pub(crate) type Iq3S = Tabled<Bits4<2>, Iq3STable>;
