//! Compares a model's logits and greedy tokens with a reference; shared by `real`, `tiny` and `quants`.

use linnet_engine::{Engine, Error};
use linnet_graph::Backend;
use linnet_text::EncodeOptions;

use super::divergence::Divergence;
use super::report::{Outcome, Subject};
use super::scoring;

/// Limits for logits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest KL(reference || ours), in nats, at any position.
    pub kl: f64,
    /// Apply the limit to the median of the positions. If rounding flips a router's choice, other experts run
    /// and that position differs completely, in the reference too.
    pub median: bool,
    /// Largest absolute difference of two logits, if it is limited as well as the KL.
    pub max_abs: Option<f64>,
    /// The top token must match if the reference's margin is above this.
    pub noise: f64,
}

impl Limits {
    /// Limits for f32 arithmetic without any rounding: what an independent float64 engine was measured to
    /// differ by (1.2e-4), plus room for other summation orders.
    pub const F32: Limits = Limits { kl: 1e-6, median: false, max_abs: Some(2e-3), noise: 0.01 };
}

/// Compares the logits of the last tokens with the rows of `reference`.
///
/// # Errors
/// Any error of running the model.
pub fn compare<'a, B: Backend>(
    engine: &mut Engine<B>,
    subject: &Subject,
    case: &str,
    tokens: &[u32],
    reference: impl ExactSizeIterator<Item = &'a [f32]>,
    limits: Limits,
) -> Result<Outcome, Error> {
    let vocabulary = engine.config().vocab_size;
    let (count, mut reference) = (reference.len(), reference);
    if count == 0 || count > tokens.len() {
        return Ok(subject.failed(case, format!("{count} rows of logits for {} tokens", tokens.len())));
    }
    let (mut worst, mut same_top, mut tops_hold, mut comparable): (Option<Divergence>, _, _, _) =
        (None, 0, true, true);
    let mut kls = Vec::with_capacity(count);
    scoring::logits(engine, tokens, count, |ours| {
        let Some(reference) = reference.next().filter(|r| r.len() == vocabulary && vocabulary > 1) else {
            comparable = false;
            return;
        };
        let divergence = Divergence::new(reference, ours);
        kls.push(divergence.kl);
        same_top += usize::from(divergence.same_top);
        tops_hold &= divergence.top_holds(limits.noise);
        worst = Some(worst.map_or(divergence, |w| w.worst(divergence)));
    })?;
    let Some(worst) = worst.filter(|_| comparable) else {
        return Ok(subject.failed(case, format!("the reference's rows do not have {vocabulary} logits")));
    };
    let tops = match tops_hold {
        true => format!("top-1 {same_top}/{count}"),
        false => format!("top-1 {same_top}/{count}, differs at a margin of {:.2}", worst.margin),
    };
    let max_abs = match limits.max_abs {
        Some(limit) => format!("max abs {:.2e} (limit {limit})", worst.max_abs),
        None => format!("max abs {:.2e}", worst.max_abs),
    };
    let holds = tops_hold && limits.max_abs.is_none_or(|limit| worst.max_abs <= limit);
    let outcome = match limits.median {
        true => subject
            .measured(case, "median KL", median(kls), limits.kl)
            .with(format!("worst {:.2e}, {max_abs}, {tops}", worst.kl)),
        false => subject.measured(case, "KL", worst.kl, limits.kl).with(format!("{max_abs}, {tops}")),
    };
    Ok(outcome.and(holds))
}

/// The median (the upper one of two), or NaN if any value is NaN.
fn median(mut numbers: Vec<f64>) -> f64 {
    let middle = numbers.len() / 2;
    numbers.sort_by(f64::total_cmp);
    match numbers.iter().any(|n| n.is_nan()) {
        true => f64::NAN,
        false => numbers.get(middle).copied().unwrap_or(f64::NAN),
    }
}

/// Walks along the reference's greedy tokens and counts the steps at which the model picks another token
/// although the reference's margin exceeds `noise`.
///
/// # Errors
/// Any error of running the model.
pub fn greedy<B: Backend>(
    engine: &mut Engine<B>,
    subject: &Subject,
    case: &str,
    prompt: &[u32],
    (tokens, margins): (&[u32], &[f32]),
    noise: f64,
) -> Result<Outcome, Error> {
    if tokens.is_empty() || tokens.len() != margins.len() {
        return Ok(subject.failed(case, format!("{} tokens with {} margins", tokens.len(), margins.len())));
    }
    let said = scoring::forced_walk(engine, prompt, tokens)?;
    let walk = Walk::new(&said, tokens, margins, noise);
    let mut detail = format!(
        "{}/{} equal, {} with a margin above the noise of {noise:.2}",
        walk.equal,
        tokens.len(),
        walk.clear
    );
    if let Some((step, margin)) = walk.wrong.first() {
        detail += &format!("; first at step {step} with a margin of {margin:.3}");
    }
    Ok(subject.counted(case, "clear steps that differ", walk.wrong.len()).with(detail))
}

/// The result of a walk along greedy tokens.
#[derive(Debug, PartialEq)]
struct Walk {
    /// Steps with the same token as the reference.
    equal: usize,
    /// How many of them have a margin above the noise in the reference.
    clear: usize,
    /// Steps that chose another token although the reference's margin exceeds the noise, each with that margin.
    wrong: Vec<(usize, f32)>,
}

impl Walk {
    fn new(said: &[u32], tokens: &[u32], margins: &[f32], noise: f64) -> Walk {
        let mut walk = Walk { equal: 0, clear: 0, wrong: Vec::new() };
        for (step, ((said, token), margin)) in said.iter().zip(tokens).zip(margins).enumerate() {
            let clear = f64::from(*margin) > noise;
            if said == token {
                walk.equal += 1;
                walk.clear += usize::from(clear);
            } else if clear {
                walk.wrong.push((step, *margin));
            }
        }
        walk
    }
}

/// Compares the tokens of a text with the reference's.
pub fn tokens<B: Backend>(
    engine: &Engine<B>,
    subject: &Subject,
    case: &str,
    text: &str,
    options: EncodeOptions,
    reference: &[u32],
) -> Outcome {
    match engine.tokenizer().encode(text, options) {
        Ok(ours) => {
            let different = differing(&ours, reference);
            let detail = match ours.iter().zip(reference).position(|(a, b)| a != b) {
                Some(at) => format!("first at token {at}: expected {}, got {}", reference[at], ours[at]),
                None if ours.len() != reference.len() => {
                    format!("expected {} tokens, got {}", reference.len(), ours.len())
                }
                None => format!("{} tokens", reference.len()),
            };
            subject.counted(case, "tokens that differ", different).with(detail)
        }
        Err(error) => subject.unusable(case, &error.into()),
    }
}

/// Number of positions at which two sequences differ, counting missing elements.
pub fn differing<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a != b).count() + a.len().abs_diff(b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_counts_only_clear_differences() {
        let walk = Walk::new(&[1, 9, 9, 4], &[1, 2, 3, 4], &[5.0, 0.1, 0.9, 0.2], 0.5);
        assert_eq!(walk, Walk { equal: 2, clear: 1, wrong: vec![(2, 0.9)] });
    }

    #[test]
    fn the_median_ignores_one_flip_but_not_nan() {
        assert_eq!(median(vec![0.1, 9.0, 0.2]), 0.2);
        assert_eq!(median(vec![0.1, 9.0, 0.2, 0.3]), 0.3);
        assert_eq!(median(vec![0.4]), 0.4);
        assert!(median(vec![0.1, f64::NAN, 0.2]).is_nan() && median(Vec::new()).is_nan());
    }

    #[test]
    fn missing_elements_differ() {
        assert_eq!(differing(&[1, 2, 3], &[1, 5]), 2);
        assert_eq!(differing::<u32>(&[], &[]), 0);
    }
}
