//! How much of a prompt to run at a time.
//!
//! One submission blocks everything else that a GPU draws, and a phone resets a GPU that does not respond for
//! seconds. So chunks are as large as the device can run within a fraction of a second, which is measured. A
//! device that draws nothing, a CPU or a software adapter, gets full chunks, because it reads the weights
//! again for each.

/// Maximum time of a chunk in milliseconds.
const TARGET: f64 = 50.0;
/// The first chunk is the largest size divided by this; the device is unknown then.
const FIRST: usize = 4;
/// The smallest chunk is the largest size divided by this.
const LEAST: usize = 8;
/// Halving a chunk is not worth it if the half takes more than this share of the time: it reads all weights
/// anyway.
const WORTH: f64 = 0.75;

/// Chooses chunk sizes from the time of earlier chunks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PrefillChunker {
    most: usize,
    least: usize,
    chunk: usize,
    /// The size before it was halved and its time, until the half is measured.
    halved: Option<(usize, f64)>,
}

impl PrefillChunker {
    /// For steps of up to `most` tokens; `measured` allows smaller sizes.
    pub(crate) fn new(most: usize, measured: bool) -> PrefillChunker {
        let part = |part: usize| if measured { (most / part).max(1) } else { most };
        PrefillChunker { most, least: part(LEAST), chunk: part(FIRST), halved: None }
    }

    /// Tokens in the next chunk.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Records that `tokens` tokens took `ms`. Less than a whole chunk is ignored.
    pub(crate) fn took(&mut self, tokens: usize, ms: f64) {
        if tokens != self.chunk {
            return;
        }
        if let Some((size, before)) = self.halved.take()
            && ms > before * WORTH
        {
            (self.chunk, self.least) = (size, size);
        } else if ms > TARGET && self.chunk > self.least {
            self.halved = Some((self.chunk, ms));
            self.chunk = (self.chunk / 2).max(self.least);
        } else if ms * 2.0 <= TARGET {
            self.chunk = (self.chunk * 2).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chunk sizes on a device that takes `start + tokens * each` milliseconds.
    fn sizes(start: f64, each: f64) -> Vec<usize> {
        let mut chunker = PrefillChunker::new(64, true);
        let size = |_| {
            let chunk = chunker.chunk();
            chunker.took(chunk, start + each * chunk as f64);
            chunk
        };
        (0..7).map(size).collect()
    }

    #[test]
    fn chunks_grow_on_a_fast_device_and_shrink_on_a_slow_one() {
        assert_eq!(sizes(1.0, 0.1), [16, 32, 64, 64, 64, 64, 64]);
        assert_eq!(sizes(1.0, 1.2), [16, 32, 32, 32, 32, 32, 32]);
        assert_eq!(sizes(1.0, 5.0), [16, 8, 8, 8, 8, 8, 8]);
    }

    #[test]
    fn chunks_that_take_as_long_when_halved_stay_whole() {
        assert_eq!(sizes(200.0, 0.5), [16, 8, 16, 16, 16, 16, 16]);
    }

    #[test]
    fn chunks_recover_after_a_slow_one() {
        let mut chunker = PrefillChunker::new(64, true);
        for (ms, next) in
            [(400.0, 8), (4.0, 16), (8.0, 32), (16.0, 64), (32.0, 64), (90.0, 32), (40.0, 32), (16.0, 64)]
        {
            chunker.took(chunker.chunk(), ms);
            assert_eq!(chunker.chunk(), next, "after {ms} ms");
        }
        // The rest of a prompt is not measured.
        chunker.took(3, 1000.0);
        assert_eq!(chunker.chunk(), 64);
    }

    #[test]
    fn without_measurement_chunks_are_whole() {
        let mut chunker = PrefillChunker::new(64, false);
        chunker.took(64, 1e6);
        assert_eq!(chunker.chunk(), 64);
        assert_eq!(PrefillChunker::new(1, true).chunk(), 1);
    }
}
