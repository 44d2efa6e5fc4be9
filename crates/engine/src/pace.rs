//! How much of a prompt is run at a time.
//!
//! What is given to a GPU in one go holds up everything else that the device draws, and a phone resets a GPU that does not come
//! back for seconds. So the pieces are as large as the device does within a fraction of a second, which is measured as it goes.
//! A device that draws nothing, a CPU or an adapter played by one, gets them whole: it reads the weights anew for each.

/// Milliseconds that a piece should take at most.
const TARGET: f64 = 50.0;
/// The first piece is this part of the largest; nothing is known of the device then.
const FIRST: usize = 4;
/// No piece is smaller than this part of the largest.
const LEAST: usize = 8;
/// Half as many tokens that take more than this part of the time are not worth it: the weights are read all the same.
const WORTH: f64 = 0.75;

/// Sizes of pieces, from how long those before took.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pace {
    most: usize,
    least: usize,
    piece: usize,
    /// The size before it was halved, and how long that took, until the half is measured.
    halved: Option<(usize, f64)>,
}

impl Pace {
    /// For steps of up to `most` tokens; `measured` where sizes may be smaller.
    pub(crate) fn new(most: usize, measured: bool) -> Pace {
        let part = |part: usize| if measured { (most / part).max(1) } else { most };
        Pace { most, least: part(LEAST), piece: part(FIRST), halved: None }
    }

    /// Tokens of the next piece.
    pub(crate) fn piece(&self) -> usize {
        self.piece
    }

    /// Takes note that so many tokens took `ms` milliseconds. Fewer than a whole piece tell nothing.
    pub(crate) fn took(&mut self, tokens: usize, ms: f64) {
        if tokens != self.piece {
            return;
        }
        if let Some((size, before)) = self.halved.take()
            && ms > before * WORTH
        {
            (self.piece, self.least) = (size, size);
        } else if ms > TARGET && self.piece > self.least {
            self.halved = Some((self.piece, ms));
            self.piece = (self.piece / 2).max(self.least);
        } else if ms * 2.0 <= TARGET {
            self.piece = (self.piece * 2).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of pieces on a device that takes `start + tokens * each` milliseconds.
    fn sizes(start: f64, each: f64) -> Vec<usize> {
        let mut pace = Pace::new(64, true);
        let size = |_| {
            let piece = pace.piece();
            pace.took(piece, start + each * piece as f64);
            piece
        };
        (0..7).map(size).collect()
    }

    #[test]
    fn pieces_grow_on_a_fast_device_and_shrink_on_a_slow_one() {
        assert_eq!(sizes(1.0, 0.1), [16, 32, 64, 64, 64, 64, 64]);
        assert_eq!(sizes(1.0, 1.2), [16, 32, 32, 32, 32, 32, 32]);
        assert_eq!(sizes(1.0, 5.0), [16, 8, 8, 8, 8, 8, 8]);
    }

    #[test]
    fn pieces_that_take_as_long_when_halved_stay_whole() {
        assert_eq!(sizes(200.0, 0.5), [16, 8, 16, 16, 16, 16, 16]);
    }

    #[test]
    fn a_device_that_is_busy_for_once_is_given_more_again() {
        let mut pace = Pace::new(64, true);
        for (ms, next) in
            [(400.0, 8), (4.0, 16), (8.0, 32), (16.0, 64), (32.0, 64), (90.0, 32), (40.0, 32), (16.0, 64)]
        {
            pace.took(pace.piece(), ms);
            assert_eq!(pace.piece(), next, "after {ms} ms");
        }
        // The rest of a prompt is no measure.
        pace.took(3, 1000.0);
        assert_eq!(pace.piece(), 64);
    }

    #[test]
    fn where_nothing_is_measured_pieces_are_whole() {
        let mut pace = Pace::new(64, false);
        pace.took(64, 1e6);
        assert_eq!(pace.piece(), 64);
        assert_eq!(Pace::new(1, true).piece(), 1);
    }
}
