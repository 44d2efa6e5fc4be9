//! The formats with one f16 scale, or scale and minimum, per run.

use bytemuck::Zeroable;
use linnet_quant::blocks::{BlockIQ4_NL, BlockQ4_0, BlockQ4_1, BlockQ5_0, BlockQ5_1, BlockQ8_0};

use super::codes::{Bits4, Bits5, Bits8, Codes};
use super::format::{Format, Pack};
use super::table::Iq4;
use crate::layout::{GROUP, RUN};
use crate::simd::Simd;

/// Byte j: value j in the low nibble, value j + 16 in the high one.
pub(super) fn nibbles(qs: &[u8; 16]) -> [u8; RUN] {
    std::array::from_fn(|k| qs[k % 16] >> (4 * (k / 16)) & 15)
}

/// Nibbles with bit 4 of value j in bit j of `qh`.
fn fives(qs: &[u8; 16], qh: [u8; 4]) -> [u8; RUN] {
    let (low, high) = (nibbles(qs), u32::from_le_bytes(qh));
    std::array::from_fn(|k| low[k] | ((high >> k & 1) as u8) << 4)
}

/// Declares a format `value = d * (code - offset)`, or `d * code + m` if a minimum `m` is named.
macro_rules! format {
    (
        $name:ident, $packed:ident, $file:ident, $bits:ident, $offset:expr, $($min:ident,)?
        |$block:ident| $codes:expr
    ) => {
        #[doc = concat!("[`", stringify!($file), "`] of eight rows.")]
        #[derive(Clone, Copy, Zeroable)]
        pub(crate) struct $packed {
            words: <$bits as Codes>::Words,
            d: [u16; GROUP],
            $($min: [u16; GROUP],)?
        }

        #[doc = concat!("The format of [`", stringify!($file), "`].")]
        pub(crate) struct $name;

        impl Format for $name {
            type Run = $packed;
            type Shared = ();
            type Factors<S: Simd> = ();
            type Codes = $bits;
            const RUNS: usize = 1;
            const OFFSET: i16 = $offset;
            const MIN: bool = [$(stringify!($min),)? ""].len() > 1;
            #[inline(always)]
            fn codes(run: &$packed) -> &<$bits as Codes>::Words {
                &run.words
            }
            #[inline(always)]
            fn factors<S: Simd>(_s: S, _shared: &()) {}
            #[inline(always)]
            fn scale<S: Simd>(s: S, _factors: (), run: &$packed, _part: usize) -> S::F32 {
                s.load_f16(&run.d)
            }
            $(
                #[inline(always)]
                fn min<S: Simd>(s: S, _factors: (), run: &$packed, _part: usize) -> S::F32 {
                    s.load_f16(&run.$min)
                }
            )?
        }

        impl Pack<$name> for $file {
            fn run(blocks: &[$file; GROUP], _run: usize) -> $packed {
                $packed {
                    words: <$bits as Codes>::pack(&blocks.map(|$block| $codes)),
                    d: blocks.map(|block| block.d.to_bits()),
                    $($min: blocks.map(|block| block.$min.to_bits()),)?
                }
            }
            fn shared(_blocks: &[$file; GROUP]) {}
        }
    };
}

format!(Q4_0, PackedQ4_0, BlockQ4_0, Bits4, 8, |block| nibbles(&block.qs));
format!(Q4_1, PackedQ4_1, BlockQ4_1, Bits4, 0, m, |block| nibbles(&block.qs));
format!(Q5_0, PackedQ5_0, BlockQ5_0, Bits5, 16, |block| fives(&block.qs, block.qh));
format!(Q5_1, PackedQ5_1, BlockQ5_1, Bits5, 0, m, |block| fives(&block.qs, block.qh));
format!(Q8_0, PackedQ8_0, BlockQ8_0, Bits8, 0, |block| block.qs.map(|q| q as u8));
format!(Iq4Nl, PackedIq4Nl, BlockIQ4_NL, Iq4, Iq4::ZERO, |block| nibbles(&block.qs));
