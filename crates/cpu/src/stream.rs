//! Reads memory and nothing else: the upper bound for the speed of products that read weights once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::CpuBackend;

/// Words per piece of work: 256 KiB.
const PART: usize = 32 * 1024;

impl CpuBackend {
    /// Reads all of `words` once with all threads, and returns their wrapping sum, so that no read can be optimized
    /// away. For measuring memory bandwidth: the length of `words` over the time of a call.
    pub fn stream(&mut self, words: &[u64]) -> u64 {
        let sum = AtomicU64::new(0);
        let parts: Vec<&[u64]> = words.chunks(PART).collect();
        self.pool.split(parts.len(), false, |_, range| {
            let part = parts[range].iter().map(|words| wrapping_sum(words));
            // Atomic addition wraps.
            sum.fetch_add(part.fold(0, u64::wrapping_add), Ordering::Relaxed);
        });
        sum.into_inner()
    }
}

/// Reads four streams at a time, as a product reads several rows: the hardware prefetcher follows each of them.
fn wrapping_sum(words: &[u64]) -> u64 {
    let (eights, rest) = words.as_chunks::<8>();
    let quarter = eights.len() / 4;
    let (four, more) = eights.split_at(4 * quarter);
    let mut sums = [0u64; 8];
    for index in 0..quarter {
        for place in 0..4 {
            add(&mut sums, &four[place * quarter + index]);
        }
    }
    more.iter().for_each(|eight| add(&mut sums, eight));
    sums.iter().chain(rest).fold(0, |sum, word| sum.wrapping_add(*word))
}

/// Eight sums, to hide the latency of additions.
#[inline(always)]
fn add(sums: &mut [u64; 8], eight: &[u64; 8]) {
    for (sum, word) in sums.iter_mut().zip(eight) {
        *sum = sum.wrapping_add(*word);
    }
}

#[cfg(test)]
mod tests {
    use crate::{CpuBackend, CpuOptions};

    #[test]
    fn every_word_is_read_once_whatever_the_number_of_threads() {
        for threads in [1, 2, 3] {
            let mut backend = CpuBackend::new(CpuOptions { threads: Some(threads), ..CpuOptions::default() });
            for len in [0, 1, 7, 100_003] {
                let words: Vec<u64> = (0..len).map(|n| (u64::MAX / 3).wrapping_mul(n)).collect();
                let sum = words.iter().fold(0u64, |sum, word| sum.wrapping_add(*word));
                assert_eq!(backend.stream(&words), sum, "{threads} threads, {len} words");
            }
        }
    }
}
