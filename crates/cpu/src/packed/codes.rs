//! The memory layout of the quantized codes of eight rows: a run of 32 values of each, 256 codes.
//!
//! Two neighbouring values of the eight rows are a *pair*, sixteen lanes: lane `2 * row + (k & 1)` of pair `k / 2`.
//! A pair is what one dot instruction multiplies with two activations. The lanes of several pairs share the bits of
//! one vector of sixteen 16-bit words, so that unpacking takes shifts and masks only, no widening and no shuffles.
//!
//! For an instruction that multiplies four bytes at once, two pairs make a *quad*, thirty-two bytes: the pairs `p` and
//! `p + 2` for `p % 4` of 0 or 1, the first in the lower bytes of its lanes and the second in the upper ones. The
//! packed words already have this order; the activations are put in the same order, which costs little.

pub(crate) mod bits3;

use bytemuck::Zeroable;

use crate::simd::{Simd, four_times, twice};

/// Receives the pairs of a run, in any order.
pub(crate) trait Sink<S: Simd> {
    /// Takes pair `index`, counted from the start of the run's part.
    fn pair(&mut self, s: S, index: usize, codes: S::I16);
}

/// Receives the quads of a run, in any order.
pub(crate) trait QuadSink<S: Simd> {
    /// Takes quad `index`, counted from the start of the run's part: of pairs `first_of_quad(index)` and two after it.
    fn quad(&mut self, s: S, index: usize, codes: S::I16);
}

/// Makes quads of pairs, which must come in ascending order.
struct Join<'a, S: Simd, K> {
    /// The latest pairs with `index % 4` of 0 and of 1.
    first: [S::I16; 2],
    sink: &'a mut K,
}

impl<S: Simd, K: QuadSink<S>> Sink<S> for Join<'_, S, K> {
    #[inline(always)]
    fn pair(&mut self, s: S, index: usize, codes: S::I16) {
        if index % 4 < 2 {
            self.first[index % 4] = codes;
        } else {
            let quad = s.or(self.first[index % 2], s.shl_8(codes));
            self.sink.quad(s, index / 4 * 2 + index % 2, quad);
        }
    }
}

/// A bit layout of a run's codes.
pub(crate) trait Codes: 'static {
    /// The packed run.
    type Words: Copy + Send + Sync + Zeroable;
    /// The parts of a run that have a scale of their own: 1 (32 values) or 2 (16 values each).
    const PARTS: usize;
    /// Whether all unpacked codes fit 7 bits.
    const SEVEN_BITS: bool;
    /// The code of zero, if the layout determines it and not the format.
    const ZERO: i16 = 0;

    /// Packs `codes[row][k]`.
    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words;

    /// Unpacks the pairs of one part, in ascending order unless [`Self::unpack_quads`] does not need that.
    fn unpack<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl Sink<S>);

    /// Unpacks the quads of one part. Only for unsigned codes of at most 8 bits.
    #[inline(always)]
    fn unpack_quads<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl QuadSink<S>) {
        let none = s.splat_i16(0);
        Self::unpack(s, words, part, &mut Join { first: [none, none], sink });
    }
}

/// The codes of a pair by lane.
fn lanes(codes: &[[u8; 32]; 8], pair: usize) -> [u16; 16] {
    std::array::from_fn(|lane| u16::from(codes[lane / 2][2 * pair + lane % 2]))
}

/// Adds the bits of `from`, shifted, to `words`.
fn put(words: &mut [i16; 16], from: [u16; 16], shift: usize) {
    for (word, bits) in words.iter_mut().zip(from) {
        *word |= (bits << shift) as i16;
    }
}

/// The lower nibbles of the bytes 0, 2, 4 and 6.
fn every_other_nibble(bytes: u64) -> i16 {
    let nibbles = bytes & 0x000f_000f_000f_000f;
    (nibbles | nibbles >> 12 | nibbles >> 24 | nibbles >> 36) as i16
}

/// Codes of 2 bits: word `w` holds pairs `8w..8w + 8`, 0, 1, 4 and 5 in the lower byte, and 2, 3, 6 and 7 in the upper
/// one. `PARTS` is 1 or 2.
pub(crate) struct Bits2<const PARTS: usize>;

impl<const PARTS: usize> Codes for Bits2<PARTS> {
    type Words = [[i16; 16]; 2];
    const PARTS: usize = PARTS;
    const SEVEN_BITS: bool = true;

    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words {
        let mut words = Self::Words::default();
        for pair in 0..16 {
            let (byte, slot) = (pair / 2 % 2, pair % 2 + pair % 8 / 4 * 2);
            put(&mut words[pair / 8], lanes(codes, pair), 8 * byte + 2 * slot);
        }
        words
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl Sink<S>) {
        let mask = s.splat_i16(3);
        if PARTS == 2 {
            eight_twos(s, &words[part], mask, 0, sink);
        } else {
            eight_twos(s, &words[0], mask, 0, sink);
            eight_twos(s, &words[1], mask, 8, sink);
        }
    }

    #[inline(always)]
    fn unpack_quads<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl QuadSink<S>) {
        let mask = s.splat_i16(0x0303);
        if PARTS == 2 {
            four_quads(s, &words[part], mask, 0, sink);
        } else {
            four_quads(s, &words[0], mask, 0, sink);
            four_quads(s, &words[1], mask, 4, sink);
        }
    }
}

/// Unpacks the four quads of a word of codes of 2 bits.
#[inline(always)]
fn four_quads<S: Simd>(s: S, word: &[i16; 16], mask: S::I16, first: usize, sink: &mut impl QuadSink<S>) {
    let word = s.load_i16(word);
    sink.quad(s, first, s.and(word, mask));
    sink.quad(s, first + 1, s.and(s.shr::<2>(word), mask));
    sink.quad(s, first + 2, s.and(s.shr::<4>(word), mask));
    sink.quad(s, first + 3, s.and(s.shr::<6>(word), mask));
}

/// Unpacks the eight codes of a word.
#[inline(always)]
fn eight_twos<S: Simd>(s: S, word: &[i16; 16], mask: S::I16, first: usize, sink: &mut impl Sink<S>) {
    let word = s.load_i16(word);
    sink.pair(s, first, s.and(word, mask));
    sink.pair(s, first + 1, s.and(s.shr::<2>(word), mask));
    sink.pair(s, first + 2, s.and(s.shr::<8>(word), mask));
    sink.pair(s, first + 3, s.and(s.shr::<10>(word), mask));
    sink.pair(s, first + 4, s.and(s.shr::<4>(word), mask));
    sink.pair(s, first + 5, s.and(s.shr::<6>(word), mask));
    sink.pair(s, first + 6, s.and(s.shr::<12>(word), mask));
    sink.pair(s, first + 7, s.shr::<14>(word));
}

/// Codes of 4 bits: word `w` holds pairs `4w..4w + 4`, lowest bits first. `PARTS` is 1 or 2.
pub(crate) struct Bits4<const PARTS: usize = 1>;

impl<const PARTS: usize> Codes for Bits4<PARTS> {
    type Words = [[i16; 16]; 4];
    const PARTS: usize = PARTS;
    const SEVEN_BITS: bool = true;

    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words {
        let mut words = Self::Words::default();
        for (row, codes) in codes.iter().enumerate() {
            for (word, eight) in words.iter_mut().zip(codes.as_chunks().0) {
                let eight = u64::from_le_bytes(*eight);
                (word[2 * row], word[2 * row + 1]) =
                    (every_other_nibble(eight), every_other_nibble(eight >> 8));
            }
        }
        words
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl Sink<S>) {
        let mask = s.splat_i16(0x0f);
        if PARTS == 2 {
            twice!(W => {
                four_nibbles(s, &words[2 * part + W], mask, 4 * W, sink);
            });
        } else {
            four_times!(W => {
                four_nibbles(s, &words[W], mask, 4 * W, sink);
            });
        }
    }

    #[inline(always)]
    fn unpack_quads<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl QuadSink<S>) {
        let mask = s.splat_i16(0x0f0f);
        if PARTS == 2 {
            twice!(W => {
                two_quads(s, &words[2 * part + W], mask, 2 * W, sink);
            });
        } else {
            four_times!(W => {
                two_quads(s, &words[W], mask, 2 * W, sink);
            });
        }
    }
}

/// Unpacks the two quads of a word of codes of 4 bits.
#[inline(always)]
fn two_quads<S: Simd>(s: S, word: &[i16; 16], mask: S::I16, first: usize, sink: &mut impl QuadSink<S>) {
    let word = s.load_i16(word);
    sink.quad(s, first, s.and(word, mask));
    sink.quad(s, first + 1, s.and(s.shr::<4>(word), mask));
}

/// Unpacks the four codes of a word.
#[inline(always)]
fn four_nibbles<S: Simd>(s: S, word: &[i16; 16], mask: S::I16, first: usize, sink: &mut impl Sink<S>) {
    let word = s.load_i16(word);
    sink.pair(s, first, s.and(word, mask));
    sink.pair(s, first + 1, s.and(s.shr::<4>(word), mask));
    sink.pair(s, first + 2, s.and(s.shr::<8>(word), mask));
    sink.pair(s, first + 3, s.shr::<12>(word));
}

/// Codes of 5 bits: word `w` holds pairs `3w..3w + 3` and, in its top bit, bit `w` of pair 15.
pub(crate) struct Bits5;

impl Codes for Bits5 {
    type Words = [[i16; 16]; 5];
    const PARTS: usize = 1;
    const SEVEN_BITS: bool = true;

    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words {
        let mut words = Self::Words::default();
        for pair in 0..15 {
            put(&mut words[pair / 3], lanes(codes, pair), 5 * (pair % 3));
        }
        for (w, word) in words.iter_mut().enumerate() {
            put(word, lanes(codes, 15).map(|code| code >> w & 1), 15);
        }
        words
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: &Self::Words, _part: usize, sink: &mut impl Sink<S>) {
        let mask = s.splat_i16(0x1f);
        // Separate variables, because an array of vectors may be in memory.
        let w0 = three_fives(s, &words[0], mask, 0, sink);
        let w1 = three_fives(s, &words[1], mask, 3, sink);
        let w2 = three_fives(s, &words[2], mask, 6, sink);
        let w3 = three_fives(s, &words[3], mask, 9, sink);
        let w4 = three_fives(s, &words[4], mask, 12, sink);
        let low = s.or(s.shr::<15>(w0), s.and(s.shr::<14>(w1), s.splat_i16(2)));
        let middle = s.or(s.and(s.shr::<13>(w2), s.splat_i16(4)), s.and(s.shr::<12>(w3), s.splat_i16(8)));
        let high = s.and(s.shr::<11>(w4), s.splat_i16(16));
        sink.pair(s, 15, s.or(s.or(low, middle), high));
    }
}

/// Unpacks the three codes of a word and returns the word.
#[inline(always)]
fn three_fives<S: Simd>(
    s: S,
    word: &[i16; 16],
    mask: S::I16,
    first: usize,
    sink: &mut impl Sink<S>,
) -> S::I16 {
    let word = s.load_i16(word);
    sink.pair(s, first, s.and(word, mask));
    sink.pair(s, first + 1, s.and(s.shr::<5>(word), mask));
    sink.pair(s, first + 2, s.and(s.shr::<10>(word), mask));
    word
}

/// Codes of 6 bits in two parts of three words: word `w` of a part holds its pairs `2w` and `2w + 1`; the top four
/// bits of words 0 and 1 are the low bits of pairs 6 and 7, those of word 2 are the high bits of both.
pub(crate) struct Bits6;

impl Codes for Bits6 {
    type Words = [[[i16; 16]; 3]; 2];
    const PARTS: usize = 2;
    const SEVEN_BITS: bool = true;

    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words {
        let mut words = Self::Words::default();
        for (part, words) in words.iter_mut().enumerate() {
            for pair in 0..6 {
                put(&mut words[pair / 2], lanes(codes, 8 * part + pair), 6 * (pair % 2));
            }
            for pair in 6..8 {
                let lanes = lanes(codes, 8 * part + pair);
                put(&mut words[pair - 6], lanes.map(|code| code & 0x0f), 12);
                put(&mut words[2], lanes.map(|code| code >> 4), 2 * pair);
            }
        }
        words
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl Sink<S>) {
        let mask = s.splat_i16(0x3f);
        let w0 = two_sixes(s, &words[part][0], mask, 0, sink);
        let w1 = two_sixes(s, &words[part][1], mask, 2, sink);
        let w2 = two_sixes(s, &words[part][2], mask, 4, sink);
        let high = s.splat_i16(0x30);
        sink.pair(s, 6, s.or(s.shr::<12>(w0), s.and(s.shr::<8>(w2), high)));
        sink.pair(s, 7, s.or(s.shr::<12>(w1), s.and(s.shr::<10>(w2), high)));
    }
}

/// Unpacks the two whole codes of a word and returns the word.
#[inline(always)]
fn two_sixes<S: Simd>(s: S, word: &[i16; 16], mask: S::I16, first: usize, sink: &mut impl Sink<S>) -> S::I16 {
    let word = s.load_i16(word);
    sink.pair(s, first, s.and(word, mask));
    sink.pair(s, first + 1, s.and(s.shr::<6>(word), mask));
    word
}

/// Signed codes of 8 bits, pair after pair.
pub(crate) struct Bits8;

impl Codes for Bits8 {
    type Words = [[i8; 16]; 16];
    const PARTS: usize = 1;
    const SEVEN_BITS: bool = false;

    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words {
        std::array::from_fn(|pair| lanes(codes, pair).map(|code| code as i8))
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: &Self::Words, _part: usize, sink: &mut impl Sink<S>) {
        four_times!(A => {
            four_times!(B => {
                sink.pair(s, 4 * A + B, s.load_i8(&words[4 * A + B]));
            });
        });
    }
}
