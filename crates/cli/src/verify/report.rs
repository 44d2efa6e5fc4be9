//! Results of the checks, and how they are printed.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::terminal::one_line;

/// The result of one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// `real`, `tiny`, `quants`, `dequant`, `tokenizers`, `templates`, `chat`, `json-schema`, `grammars` or `masks`.
    pub kind: &'static str,
    /// The model, file or type.
    pub name: String,
    /// The part of it that was checked.
    pub case: String,
    /// What `figure` counts or measures.
    pub measure: &'static str,
    /// The measured figure, if the case could run.
    pub figure: Option<f64>,
    /// The largest acceptable figure.
    pub limit: Option<f64>,
    /// Whether the case passes. Also false if it was skipped.
    pub ok: bool,
    /// Whether the case could not run for a reason outside the engine.
    pub skipped: bool,
    /// Details for people: further figures, or why it failed or was skipped.
    pub detail: String,
}

/// Identifies a case before its result is known.
#[derive(Clone, Debug)]
pub struct Subject {
    kind: &'static str,
    name: String,
}

impl Subject {
    /// A model, file or type of a kind of case.
    pub fn new(kind: &'static str, name: impl Into<String>) -> Self {
        Subject { kind, name: name.into() }
    }

    fn outcome(&self, case: &str) -> Outcome {
        Outcome {
            kind: self.kind,
            name: self.name.clone(),
            case: case.to_owned(),
            measure: "",
            figure: None,
            limit: None,
            ok: false,
            skipped: false,
            detail: String::new(),
        }
    }

    /// A case that passes if `figure <= limit`; NaN never passes.
    pub fn measured(&self, case: &str, measure: &'static str, figure: f64, limit: f64) -> Outcome {
        let ok = figure <= limit;
        Outcome { measure, figure: Some(figure), limit: Some(limit), ok, ..self.outcome(case) }
    }

    /// A case that passes if `count` is zero.
    pub fn counted(&self, case: &str, measure: &'static str, count: usize) -> Outcome {
        self.measured(case, measure, count as f64, 0.0)
    }

    /// A case that could not run but should have.
    pub fn failed(&self, case: &str, why: impl fmt::Display) -> Outcome {
        Outcome { detail: why.to_string(), ..self.outcome(case) }
    }

    /// A case that could not run for a reason outside of the engine.
    pub fn skipped(&self, case: &str, why: impl fmt::Display) -> Outcome {
        Outcome { skipped: true, detail: why.to_string(), ..self.outcome(case) }
    }

    /// A case whose model or vocabulary is unusable: skipped if the engine does not support it, otherwise
    /// failed.
    pub fn unusable(&self, case: &str, failure: &Failure) -> Outcome {
        let why = format!("{}: {failure}", failure.code());
        if failure.code().name().starts_with("unsupported-") {
            self.skipped(case, why)
        } else {
            self.failed(case, why)
        }
    }
}

impl Outcome {
    /// Adds details for people.
    pub fn with(self, detail: impl Into<String>) -> Outcome {
        Outcome { detail: detail.into(), ..self }
    }

    /// Fails the case unless `holds`.
    pub fn and(self, holds: bool) -> Outcome {
        Outcome { ok: self.ok && holds, ..self }
    }
}

impl fmt::Display for Outcome {
    /// `ok   real NAME CASE: MEASURE FIGURE (limit LIMIT); DETAIL`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.skipped, self.ok) {
            (true, _) => "skip",
            (false, true) => "ok",
            (false, false) => "FAIL",
        };
        write!(f, "{mark:<4} {} {} {}:", self.kind, one_line(&self.name), one_line(&self.case))?;
        if let (Some(figure), Some(limit)) = (self.figure, self.limit) {
            write!(f, " {} {} (limit {})", self.measure, Figure(figure), Figure(limit))?;
        }
        let separator = if self.figure.is_some() { "; " } else { " " };
        match (self.detail.is_empty(), self.skipped) {
            (true, _) => Ok(()),
            (false, false) => write!(f, "{separator}{}", one_line(&self.detail)),
            (false, true) => write!(f, "{separator}({})", one_line(&self.detail)),
        }
    }
}

/// A count as it is, a small measurement in scientific notation.
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.fract() == 0.0 { write!(f, "{}", self.0) } else { write!(f, "{:.2e}", self.0) }
    }
}

/// Prints outcomes as they arrive, or all of them as JSON at the end.
pub struct Report<W: Write> {
    out: W,
    json: bool,
    outcomes: Vec<Outcome>,
}

impl<W: Write> Report<W> {
    /// An empty report.
    pub fn new(out: W, json: bool) -> Self {
        Report { out, json, outcomes: Vec::new() }
    }

    /// Adds the result of a case.
    ///
    /// # Errors
    /// If it cannot be printed.
    pub fn add(&mut self, outcome: Outcome) -> io::Result<()> {
        if !self.json {
            writeln!(self.out, "{outcome}")?;
            self.out.flush()?;
        }
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Prints the summary or the JSON; returns whether no case failed.
    ///
    /// # Errors
    /// If it cannot be printed.
    pub fn finish(mut self) -> Result<bool, Failure> {
        let skipped = self.outcomes.iter().filter(|o| o.skipped).count();
        let passed = self.outcomes.iter().filter(|o| o.ok).count();
        let failed = self.outcomes.len() - skipped - passed;
        if self.json {
            serde_json::to_writer_pretty(&mut self.out, &self.outcomes)?;
            writeln!(self.out)?;
        } else {
            writeln!(self.out, "{passed} passed, {failed} failed, {skipped} skipped")?;
        }
        Ok(failed == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(outcomes: Vec<Outcome>, json: bool) -> (bool, String) {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, json);
        outcomes.into_iter().for_each(|o| report.add(o).unwrap());
        (report.finish().unwrap(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_figure_passes_up_to_its_limit_and_nan_never() {
        let subject = Subject::new("tiny", "llama");
        assert!(subject.measured("a", "KL", 1e-3, 1e-3).ok);
        assert!(!subject.measured("a", "KL", 1.1e-3, 1e-3).ok);
        assert!(!subject.measured("a", "KL", f64::NAN, 1e-3).ok);
        assert!(!subject.counted("a", "unequal", 1).ok);
        assert!(!subject.counted("a", "unequal", 0).and(false).ok);
    }

    #[test]
    fn lines_and_summary() {
        let subject = Subject::new("real", "x");
        let (ok, text) = printed(
            vec![
                subject.measured("logits", "KL", 1.25e-5, 0.0125).with("top-1 equal"),
                subject.skipped("all", "no file"),
                subject.failed("tokens", "broken\nfile"),
            ],
            false,
        );
        assert!(!ok);
        assert_eq!(
            text,
            "ok   real x logits: KL 1.25e-5 (limit 1.25e-2); top-1 equal\nskip real x all: (no file)\n\
             FAIL real x tokens: \
             broken\\nfile\n1 passed, 1 failed, 1 skipped\n"
        );
    }

    #[test]
    fn skipped_cases_do_not_fail_a_report() {
        let (ok, json) = printed(vec![Subject::new("real", "x").skipped("all", "no file")], true);
        assert!(ok);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value[0]["skipped"], &value[0]["ok"]), (&true.into(), &false.into()));
        assert_eq!(value[0]["figure"], serde_json::Value::Null);
    }
}
