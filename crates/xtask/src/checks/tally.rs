//! Counts passed, failed and skipped tests from the last lines of the test runners, to print one total.

use std::iter::Sum;
use std::ops::AddAssign;

/// A count of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// They passed.
    pub passed: u64,
    /// They failed, or could not run.
    pub failed: u64,
    /// They did not run, and printed the reason.
    pub skipped: u64,
}

impl Tally {
    /// A single check.
    pub fn one(held: bool) -> Self {
        Self { passed: held.into(), failed: (!held).into(), skipped: 0 }
    }

    /// Whether nothing ran.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The tally of a runner that also has an exit status: a failing status without a failed test counts as a failure.
    pub fn judged(mut self, success: bool) -> Self {
        if !success && self.failed == 0 {
            self.failed = 1;
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum += tally;
            sum
        })
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// A Rust test binary's output, run with `--show-output`: `test NAME ... ok`, then what each test printed. A test that
/// printed a line beginning with `skipped:` counts as skipped, whatever else it did. Only tests whose name `counts`
/// accepts are counted.
pub fn of_libtest(text: &str, counts: impl Fn(&str) -> bool) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... "))
        else {
            continue;
        };
        if !counts(name.trim_end_matches(" - should panic")) {
            continue;
        }
        match result {
            "ok" => tally.passed += 1,
            "FAILED" => tally.failed += 1,
            ignored if ignored.starts_with("ignored") => tally.skipped += 1,
            _ => {}
        }
    }
    let skipped = skipped_tests(text).filter(|name| counts(name)).count() as u64;
    tally.passed = tally.passed.saturating_sub(skipped);
    tally.skipped += skipped;
    tally
}

/// Names of the tests of a Rust test binary that printed a line beginning with `skipped:`.
fn skipped_tests(text: &str) -> impl Iterator<Item = &str> {
    let sections = text.split("\n---- ").skip(1);
    sections.filter_map(|section| {
        let (name, printed) = section.split_once(" stdout ----")?;
        // The last section is followed by the list of the tests that passed.
        let printed = printed.split("\nsuccesses:\n").next()?;
        printed.lines().any(|line| line.starts_with("skipped:")).then_some(name)
    })
}

/// The closing lines `test result: ok. 3 passed; 0 failed; 1 ignored; ...` of libtest (doc tests) and of
/// wasm-bindgen-test.
pub fn of_result_lines(text: &str) -> Tally {
    let results = text.lines().filter_map(|line| line.trim_start().strip_prefix("test result: "));
    results
        .map(|result| {
            let count = |what: &str| {
                let words: Vec<&str> =
                    result.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
                let at = words.iter().position(|word| *word == what)?;
                words.get(at.checked_sub(1)?)?.parse().ok()
            };
            let count = |what| count(what).unwrap_or(0);
            Tally { passed: count("passed"), failed: count("failed"), skipped: count("ignored") }
        })
        .sum()
}

/// The closing lines of Node's runner: `# pass 3` (tap) or `ℹ pass 3` (spec). Cancelled tests count as failed, and
/// `todo` tests as skipped.
pub fn of_node(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) else { continue };
        let Some((what, count)) = rest.split_once(' ') else { continue };
        let Ok(count) = count.parse::<u64>() else { continue };
        match what {
            "pass" => tally.passed += count,
            "fail" | "cancelled" => tally.failed += count,
            "skipped" | "todo" => tally.skipped += count,
            _ => {}
        }
    }
    tally
}

/// The plain closing line `N passed, N failed, N skipped`, as this program and `linnet verify` print it.
pub fn of_plain_line(text: &str) -> Tally {
    let last = text.lines().rev().find_map(|line| {
        let mut counts = line.split(", ").zip(["passed", "failed", "skipped"]).map(|(part, what)| {
            let (count, word) = part.split_once(' ')?;
            (word == what).then(|| count.parse::<u64>().ok())?
        });
        let (passed, failed) = (counts.next()??, counts.next()??);
        Some(Tally { passed, failed, skipped: counts.next().flatten().unwrap_or(0) })
    });
    last.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Tally, of_libtest, of_node, of_plain_line, of_result_lines};

    const LIBTEST: &str = "
running 4 tests
test matmul::gpu_q4_0 ... ok
test matmul::plain ... ok
test attention ... FAILED
test slow ... ignored, takes an hour
test bad - should panic ... ok

successes:

---- matmul::gpu_q4_0 stdout ----
skipped: no adapter

---- matmul::plain stdout ----
nothing was skipped: all is well

successes:
    matmul::gpu_q4_0
    matmul::plain

failures:

---- attention stdout ----
off by one

test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn a_rust_test_that_says_skipped_is_not_counted_as_passed() {
        assert_eq!(of_libtest(LIBTEST, |_| true), tally(2, 1, 2));
    }

    #[test]
    fn rust_tests_can_be_chosen_by_name() {
        assert_eq!(of_libtest(LIBTEST, |name| name.contains("gpu")), tally(0, 0, 1));
        assert_eq!(of_libtest(LIBTEST, |name| name == "bad"), tally(1, 0, 0));
    }

    #[test]
    fn closing_lines_of_several_binaries_add_up() {
        let text = "test result: ok. 12 passed; 0 failed; 2 ignored; 0 filtered out\n\n\
                    test result: FAILED. 1 passed; 3 failed; 0 ignored";
        assert_eq!(of_result_lines(text), tally(13, 3, 2));
    }

    #[test]
    fn both_reporters_of_node_are_understood() {
        let spec = "✔ a (1ms)\nℹ tests 9\nℹ suites 0\nℹ pass 4\nℹ fail 1\nℹ cancelled 1\n\
                    ℹ skipped 2\nℹ todo 1\nℹ duration_ms 12.5";
        assert_eq!(of_node(spec), tally(4, 2, 3));
        assert_eq!(of_node(&spec.replace('ℹ', "#")), tally(4, 2, 3));
    }

    #[test]
    fn the_plain_line_counts_only_where_it_stands_alone() {
        assert_eq!(of_plain_line("ok   real x\n41 passed, 2 failed, 7 skipped\n"), tally(41, 2, 7));
        assert_eq!(of_plain_line("3 passed, 0 failed"), tally(3, 0, 0));
        assert_eq!(of_plain_line("about 3 passed, 0 failed"), tally(0, 0, 0));
    }

    #[test]
    fn a_bad_end_without_a_failed_test_is_a_failure() {
        assert_eq!(tally(5, 0, 0).judged(false), tally(5, 1, 0));
        assert_eq!(tally(5, 2, 0).judged(false), tally(5, 2, 0));
        assert_eq!(tally(5, 0, 0).judged(true), tally(5, 0, 0));
    }
}
