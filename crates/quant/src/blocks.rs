//! The blocks of each format, byte for byte as in a GGUF file (little endian).
//!
//! A block is plain data: [`bytemuck::cast_slice`] casts aligned bytes to blocks without a copy, and
//! [`bytemuck::pod_read_unaligned`] reads one from any address. Comments describe the packed fields; the
//! decode functions of this crate have the arithmetic.

use bytemuck::{Pod, Zeroable};
use half::f16;

use crate::DType;

#[cfg(target_endian = "big")]
compile_error!("blocks are little endian, as GGUF files are");

/// Declares blocks and checks their sizes at compile time.
macro_rules! blocks {
    ($($(#[$doc:meta])* $name:ident: $dtype:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Pod, Zeroable)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            const _: () = assert!(size_of::<$name>() == DType::$dtype.block_bytes());
        )*
    };
}

blocks! {
    /// 32 values `(q - 8) * d`.
    BlockQ4_0: Q4_0 {
        /// Scale.
        d: f16,
        /// Byte j: value j in the low nibble, value j + 16 in the high one.
        qs: [u8; 16],
    }

    /// 32 values `q * d + m`.
    BlockQ4_1: Q4_1 {
        /// Scale.
        d: f16,
        /// Minimum.
        m: f16,
        /// Byte j: value j in the low nibble, value j + 16 in the high one.
        qs: [u8; 16],
    }

    /// 32 values `(q - 16) * d`.
    BlockQ5_0: Q5_0 {
        /// Scale.
        d: f16,
        /// Bit j of these 32 is bit 4 of value j.
        qh: [u8; 4],
        /// Bits 0..4 as in [`BlockQ4_0`].
        qs: [u8; 16],
    }

    /// 32 values `q * d + m`.
    BlockQ5_1: Q5_1 {
        /// Scale.
        d: f16,
        /// Minimum.
        m: f16,
        /// Bit j of these 32 is bit 4 of value j.
        qh: [u8; 4],
        /// Bits 0..4 as in [`BlockQ4_0`].
        qs: [u8; 16],
    }

    /// 32 values `q * d`.
    BlockQ8_0: Q8_0 {
        /// Scale.
        d: f16,
        /// The values.
        qs: [i8; 32],
    }

    /// 128 values `d` or `-d`.
    BlockQ1_0: Q1_0 {
        /// Scale.
        d: f16,
        /// Bit j of these 128: value j is positive.
        qs: [u8; 16],
    }

    /// 64 values `(q - 1) * d`.
    BlockQ2_0: Q2_0 {
        /// Scale.
        d: f16,
        /// Byte j: values 4j..4j+4, lowest bits first.
        qs: [u8; 16],
    }

    /// 256 values `q * (d * scale) - dmin * min`, in 16 groups of 16.
    BlockQ2_K: Q2_K {
        /// Per group: scale in the low nibble, minimum in the high one.
        scales: [u8; 16],
        /// Two runs of 32 bytes, each holding 128 values: bits 2k..2k+2 of byte j are value 32k + j.
        qs: [u8; 64],
        /// Scale of the scales.
        d: f16,
        /// Scale of the minima.
        dmin: f16,
    }

    /// 256 values `q * (d * (scale - 32))`, in 16 groups of 16.
    BlockQ3_K: Q3_K {
        /// Bit k of byte j: bit 2 of value 32k + j, inverted (a clear bit subtracts 4).
        hmask: [u8; 32],
        /// Bits 0..2, laid out as in [`BlockQ2_K`].
        qs: [u8; 64],
        /// 16 scales of 6 bits: nibbles of bytes 0..8, then bit pairs of bytes 8..12.
        scales: [u8; 12],
        /// Scale of the scales.
        d: f16,
    }

    /// 256 values `q * (d * scale) - dmin * min`, in 8 groups of 32.
    BlockQ4_K: Q4_K {
        /// Scale of the scales.
        d: f16,
        /// Scale of the minima.
        dmin: f16,
        /// 8 scales and 8 minima of 6 bits; see [`crate::scale_min_k4`].
        scales: [u8; 12],
        /// Four runs of 32 bytes, each holding 64 values: low nibbles are the first 32, high ones the next.
        qs: [u8; 128],
    }

    /// 256 values `q * (d * scale) - dmin * min`, in 8 groups of 32.
    BlockQ5_K: Q5_K {
        /// Scale of the scales.
        d: f16,
        /// Scale of the minima.
        dmin: f16,
        /// 8 scales and 8 minima of 6 bits; see [`crate::scale_min_k4`].
        scales: [u8; 12],
        /// Bit k of byte j: bit 4 of value 32k + j.
        qh: [u8; 32],
        /// Bits 0..4, laid out as in [`BlockQ4_K`].
        qs: [u8; 128],
    }

    /// 256 values `(q - 32) * (d * scale)`, in 16 groups of 16.
    BlockQ6_K: Q6_K {
        /// Bits 0..4: two runs of 64 bytes, each holding 128 values, low nibbles first.
        ql: [u8; 128],
        /// Bits 4..6: two runs of 32 bytes, each holding 128 values as in [`BlockQ2_K`].
        qh: [u8; 64],
        /// Scale per group.
        scales: [i8; 16],
        /// Scale of the scales.
        d: f16,
    }

    /// 256 values from a grid of 256 octets.
    BlockIQ2_XXS: IQ2_XXS {
        /// Scale.
        d: f16,
        /// Per 32 values: four grid indices of 8 bits, then (as one little-endian u32) four 7-bit sign sets
        /// and a 4-bit scale.
        qs: [u16; 32],
    }

    /// 256 values from a grid of 512 octets.
    BlockIQ2_XS: IQ2_XS {
        /// Scale.
        d: f16,
        /// Per 8 values: grid index in bits 0..9, sign set in bits 9..16.
        qs: [u16; 32],
        /// Per 32 values: a 4-bit scale for each half.
        scales: [u8; 8],
    }

    /// 256 values from a grid of 1024 octets.
    BlockIQ2_S: IQ2_S {
        /// Scale.
        d: f16,
        /// Per 8 values: bits 0..8 of the grid index.
        qs: [u8; 32],
        /// Per 8 values: bit j negates value j.
        signs: [u8; 32],
        /// Per 32 values: bits 8..10 of its four grid indices.
        qh: [u8; 8],
        /// Per 32 values: a 4-bit scale for each half.
        scales: [u8; 8],
    }

    /// 256 values from a grid of 256 quartets.
    BlockIQ3_XXS: IQ3_XXS {
        /// Scale.
        d: f16,
        /// Per 4 values: grid index.
        qs: [u8; 64],
        /// Per 32 values, as a little-endian u32: four 7-bit sign sets and a 4-bit scale.
        scales_signs: [[u8; 4]; 8],
    }

    /// 256 values from a grid of 512 quartets.
    BlockIQ3_S: IQ3_S {
        /// Scale.
        d: f16,
        /// Per 4 values: bits 0..8 of the grid index.
        qs: [u8; 64],
        /// Per 32 values: bit 8 of its eight grid indices.
        qh: [u8; 8],
        /// Per 8 values: bit j negates value j.
        signs: [u8; 32],
        /// Per 64 values: a 4-bit scale for each half.
        scales: [u8; 4],
    }

    /// 256 values from a grid of 2048 ternary octets.
    BlockIQ1_S: IQ1_S {
        /// Scale.
        d: f16,
        /// Per 8 values: bits 0..8 of the grid index.
        qs: [u8; 32],
        /// Per 32 values: bits 8..11 of its four grid indices, a 3-bit scale, the sign of the shift.
        qh: [u16; 8],
    }

    /// 256 values from the grid of [`BlockIQ1_S`]; the f16 scale is spread over `scales`.
    BlockIQ1_M: IQ1_M {
        /// Per 8 values: bits 0..8 of the grid index.
        qs: [u8; 32],
        /// Per 8 values a nibble: bits 8..11 of the grid index, the sign of the shift.
        qh: [u8; 16],
        /// Per 64 values: four 3-bit scales and one nibble of the block's f16 scale, lowest first.
        scales: [u16; 4],
    }

    /// 32 values `table[q] * d`; see [`crate::IQ4_VALUES`].
    BlockIQ4_NL: IQ4_NL {
        /// Scale.
        d: f16,
        /// Byte j: value j in the low nibble, value j + 16 in the high one.
        qs: [u8; 16],
    }

    /// 256 values `table[q] * (d * (scale - 32))`, in 8 groups of 32.
    BlockIQ4_XS: IQ4_XS {
        /// Scale of the scales.
        d: f16,
        /// Bits 4..6 of the eight scales.
        scales_h: u16,
        /// Bits 0..4 of the eight scales, low nibble first.
        scales_l: [u8; 4],
        /// Per group 16 bytes laid out as in [`BlockIQ4_NL`].
        qs: [u8; 128],
    }

    /// 256 values `(q - 1) * d` of five base-3 digits to the byte.
    BlockTQ1_0: TQ1_0 {
        /// Runs of 32 and of 16 bytes: digit k of byte j is value 32k + j, then value 160 + 16k + j.
        qs: [u8; 48],
        /// Four digits each: digit k of byte j is value 240 + 4k + j.
        qh: [u8; 4],
        /// Scale.
        d: f16,
    }

    /// 256 values `(q - 1) * d`.
    BlockTQ2_0: TQ2_0 {
        /// Laid out as in [`BlockQ2_K`].
        qs: [u8; 64],
        /// Scale.
        d: f16,
    }

    /// 32 values `E2M1(q) * 2^(e - 127)`.
    BlockMXFP4: MXFP4 {
        /// E8M0 scale; see [`crate::e8m0_half`].
        e: u8,
        /// Byte j: value j in the low nibble, value j + 16 in the high one.
        qs: [u8; 16],
    }

    /// 64 values in 4 groups of 16.
    BlockNVFP4: NVFP4 {
        /// Unsigned E4M3 scale of each group; see [`crate::ue4m3_half`].
        d: [u8; 4],
        /// Per group 8 bytes: low nibbles are its first 8 values, high ones the next.
        qs: [u8; 32],
    }
}
