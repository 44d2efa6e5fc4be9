//! Probe words to find in prompts.

use std::collections::HashSet;

/// The probe word. Templates trim, and some change case.
pub(super) const PROBE: &str = "linnetprobe";

/// One of many distinct words.
pub(super) fn word(number: usize) -> String {
    format!("{PROBE}{number}e")
}

/// The indices of the words found in a prompt.
pub(super) fn words(prompt: &str) -> HashSet<usize> {
    let prompt = prompt.to_ascii_lowercase();
    let digits = |after: &str| after.split_once('e').and_then(|(number, _)| number.parse().ok());
    prompt.split(PROBE).skip(1).filter_map(digits).collect()
}

pub(super) fn count_of_probes(prompt: &str) -> usize {
    prompt.to_ascii_lowercase().matches(PROBE).count()
}
