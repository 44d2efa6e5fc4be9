//! Parses the part of callgrind's output that counts the instructions of each function.

use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// Instructions by function, excluding the functions that it calls.
#[derive(Debug, PartialEq)]
pub struct Profile {
    of_function: BTreeMap<String, u64>,
}

impl Profile {
    /// Reads a profile of one event with one position per line, which is callgrind's default.
    pub fn parse(text: &str) -> Result<Self> {
        let mut names: BTreeMap<&str, String> = BTreeMap::new();
        let mut of_function: BTreeMap<String, u64> = BTreeMap::new();
        let mut function = None;
        let mut of_call = false;
        for line in text.lines() {
            if let Some((key @ ("fn" | "cfn"), name)) = line.split_once('=') {
                let name = named(&mut names, name)?;
                if key == "fn" {
                    function = Some(name);
                }
            } else if line.starts_with("calls=") {
                // The next line has the inclusive cost of the call.
                of_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost = line.split_once(' ').and_then(|(_, cost)| cost.trim().parse::<u64>().ok());
                let cost = cost.with_context(|| format!("callgrind wrote an unexpected line: `{line}`"))?;
                if !std::mem::take(&mut of_call) {
                    let function = function.clone().context("callgrind's output names no function")?;
                    *of_function.entry(function).or_default() += cost;
                }
            }
        }
        Ok(Self { of_function })
    }

    /// The increase of each function's count over another profile.
    pub fn minus(&self, other: &Self) -> Self {
        let of = |(name, count): (&String, &u64)| {
            let more = count.saturating_sub(other.of_function.get(name).copied().unwrap_or(0));
            (more > 0).then(|| (name.clone(), more))
        };
        Self { of_function: self.of_function.iter().filter_map(of).collect() }
    }

    /// The total number of instructions.
    pub fn total(&self) -> u64 {
        self.of_function.values().sum()
    }

    /// The functions with the most instructions, most first.
    pub fn top(&self, most: usize) -> impl Iterator<Item = (&str, u64)> {
        let mut sorted: Vec<_> =
            self.of_function.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        sorted.into_iter().take(most)
    }
}

/// `(12) some::function` defines a name, and a later `(12)` refers to it.
fn named<'a>(names: &mut BTreeMap<&'a str, String>, reference: &'a str) -> Result<String> {
    let (id, name) = reference.split_once(')').unwrap_or(("", reference));
    let name = name.trim();
    if id.is_empty() || !name.is_empty() {
        names.insert(id, readable(name));
    }
    names
        .get(id)
        .cloned()
        .with_context(|| format!("callgrind's output does not define the function {reference}"))
}

/// Drops the hash that the compiler appends, which changes with every change, and the number by which callgrind tells
/// recursion levels apart.
fn readable(name: &str) -> String {
    let name = name.split_once('\'').map_or(name, |(name, _)| name);
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => name,
        _ => name,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::Profile;

    const WRITTEN: &str = "version: 1\npositions: line\nevents: Ir\nsummary: 40\n\n\
        ob=(1) /lib/x\nfl=(1) a.rs\nfn=(1) kernel::h0123456789abcdef\n0 10\n+3 5\n\
        fn=(2) main\n0 2\ncfi=(1)\ncfn=(1)\ncalls=3 0\n0 15\n* 1\nfn=(1)\n-1 7\n";

    #[test]
    fn calls_count_for_the_function_that_is_called_only() {
        let profile = Profile::parse(WRITTEN).unwrap();
        assert_eq!(profile.top(5).collect::<Vec<_>>(), [("kernel", 22), ("main", 3)]);
        assert_eq!(profile.total(), 25);
    }

    #[test]
    fn a_difference_is_what_one_ran_more() {
        let more = Profile::parse(&WRITTEN.replace("+3 5", "+3 9")).unwrap();
        let few = Profile::parse(WRITTEN).unwrap();
        assert_eq!(more.minus(&few).top(5).collect::<Vec<_>>(), [("kernel", 4)]);
        assert!(Profile::parse("fn=(7)\n0 1").is_err());
        assert!(Profile::parse("fn=(1) f\n0 x").is_err());
    }
}
