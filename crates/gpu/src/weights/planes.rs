//! Splits blocks that are not a whole number of words: on the device, their scales follow after all blocks.

use std::ops::Range;

use linnet_shaders::Format;

/// Splits consecutive blocks into two planes: the blocks without their scales, and the scales.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planes {
    /// Bytes of a block.
    block: usize,
    /// The bytes of its scale. If there are none, the second plane is empty.
    scale: Range<usize>,
}

impl Planes {
    /// The planes of a format.
    pub fn of(format: Format) -> Planes {
        Planes { block: format.dtype().block_bytes(), scale: format.scale() }
    }

    /// Whether all bytes belong to the first plane.
    pub fn single(&self) -> bool {
        self.scale.is_empty()
    }

    /// How many of the first `bytes` bytes of the blocks belong to each plane.
    pub fn lengths(&self, bytes: usize) -> [usize; 2] {
        let (blocks, within) = (bytes / self.block, bytes % self.block);
        let scales =
            blocks * self.scale.len() + within.clamp(self.scale.start, self.scale.end) - self.scale.start;
        [bytes - scales, scales]
    }

    /// Appends `bytes`, which begin at byte `at` of the blocks, to their planes.
    pub fn split(&self, mut at: usize, mut bytes: &[u8], planes: &mut [Vec<u8>; 2]) {
        while !bytes.is_empty() && !self.single() {
            let within = at % self.block;
            let (plane, end) = match within {
                _ if within < self.scale.start => (0, self.scale.start),
                _ if within < self.scale.end => (1, self.scale.end),
                _ => (0, self.block),
            };
            let (head, rest) = bytes.split_at(bytes.len().min(end - within));
            planes[plane].extend_from_slice(head);
            (at, bytes) = (at + head.len(), rest);
        }
        planes[0].extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The planes of the bytes 0, 1, 2, ... that arrive in pieces of `piece`.
    fn in_pieces(planes: &Planes, bytes: usize, piece: usize) -> [Vec<u8>; 2] {
        let all: Vec<u8> = (0..bytes as u8).collect();
        let mut split = <[Vec<u8>; 2]>::default();
        for (index, part) in all.chunks(piece).enumerate() {
            planes.split(index * piece, part, &mut split);
            let arrived = index * piece + part.len();
            assert_eq!(
                split.each_ref().map(Vec::len),
                planes.lengths(arrived),
                "{arrived} bytes of {planes:?}"
            );
        }
        split
    }

    #[test]
    fn scales_are_taken_out_however_the_bytes_arrive() {
        for piece in [1, 2, 3, 5, 7, 18] {
            let first = in_pieces(&Planes { block: 6, scale: 0..2 }, 18, piece);
            assert_eq!(first, [vec![2, 3, 4, 5, 8, 9, 10, 11, 14, 15, 16, 17], vec![0, 1, 6, 7, 12, 13]]);
            let last = in_pieces(&Planes { block: 5, scale: 4..5 }, 10, piece);
            assert_eq!(last, [vec![0, 1, 2, 3, 5, 6, 7, 8], vec![4, 9]]);
            let none = in_pieces(&Planes { block: 2, scale: 0..0 }, 4, piece);
            assert_eq!(none, [vec![0, 1, 2, 3], vec![]]);
        }
    }
}
