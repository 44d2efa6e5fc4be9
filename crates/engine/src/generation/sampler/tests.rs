//! The order of the steps, and the distributions that they leave.

use super::*;

const LOGITS: [f32; 5] = [1.0, 3.0, 2.0, f32::NAN, -1.0];

fn draws(sampling: Sampling, seed: u64) -> Vec<u32> {
    let sampler = Sampler::new(sampling, seed);
    (0..400).map(|position| sampler.sample(&mut LOGITS.clone(), &vec![0; position], 0)).collect()
}

fn open() -> Sampling {
    Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() }
}

fn seen(sampling: Sampling) -> Vec<u32> {
    let mut seen = draws(sampling, 1);
    seen.sort_unstable();
    seen.dedup();
    seen
}

#[test]
fn the_seed_alone_determines_the_draws() {
    assert_eq!(draws(open(), 7), draws(open(), 7));
    assert_ne!(draws(open(), 7), draws(open(), 8));
}

#[test]
fn each_filter_keeps_what_it_should() {
    assert_eq!(seen(open()), [0, 1, 2, 4], "NaN is never drawn");
    assert_eq!(seen(Sampling { top_k: 2, ..open() }), [1, 2]);
    assert_eq!(seen(Sampling { top_p: 0.7, ..open() }), [1, 2], "p(1) = 0.66");
    assert_eq!(seen(Sampling { top_p: 0.0, ..open() }), [1]);
    assert_eq!(seen(Sampling { min_p: 0.2, ..open() }), [1, 2], "p(0) / p(1) = 0.135");
    assert_eq!(seen(Sampling { temperature: 0.0, ..open() }), [1]);
    assert_eq!(seen(Sampling { temperature: 1e-6, ..open() }), [1]);
}

#[test]
fn draws_follow_the_distribution() {
    let share = draws(open(), 3).iter().filter(|t| **t == 1).count() as f64 / 400.0;
    let expected = 1.0 / (1.0 + (-1f64).exp() + (-2f64).exp() + (-4f64).exp());
    assert!((share - expected).abs() < 0.07, "{share} against {expected}");
}

#[test]
fn penalties_lower_repeated_tokens() {
    let greedy = |s| Sampler::new(s, 0).sample(&mut LOGITS.clone(), &[1, 1, 2], 2);
    assert_eq!(greedy(Sampling::greedy()), 1);
    assert_eq!(greedy(Sampling { repetition_penalty: 4.0, ..Sampling::greedy() }), 0);
    assert_eq!(greedy(Sampling { presence_penalty: 2.5, ..Sampling::greedy() }), 0);
    assert_eq!(greedy(Sampling { frequency_penalty: 1.5, ..Sampling::greedy() }), 1);
    assert!(!Sampler::new(Sampling { presence_penalty: 1.0, ..Sampling::greedy() }, 0).is_argmax());
}

#[test]
fn a_bias_bans_and_forces_tokens() {
    let biased = |sampling, bias: &[(u32, f32)]| {
        let sampler = Sampler::new(sampling, 3).with_bias(bias.iter().copied().collect());
        assert!(sampler.needs_logits() && !sampler.is_argmax());
        let draw = |position| sampler.sample(&mut LOGITS.clone(), &vec![0; position], 0);
        (0..400).map(draw).collect::<std::collections::BTreeSet<u32>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(biased(open(), &[(1, -100.0)]), [0, 2, 4]);
    assert_eq!(biased(open(), &[(4, 100.0)]), [4]);
    assert_eq!(biased(Sampling::greedy(), &[(0, 1.5), (1, -1.0)]), [0]);
    assert_eq!(biased(Sampling::greedy(), &[(99, 5.0)]), [1], "there is no such token");
    // The bias comes before the penalties, which multiply negative logits.
    let said = Sampler::new(Sampling { repetition_penalty: 4.0, ..Sampling::greedy() }, 0);
    let said = said.with_bias(BTreeMap::from([(0, -1.5), (2, -2.5)]));
    assert_eq!(said.sample(&mut [1.0, -3.0, 2.0], &[0, 1, 2], 0), 0, "-0.5 * 4 against -12 and -0.5 * 4");
}

#[test]
fn suppressed_tokens_are_not_drawn_unless_the_request_has_a_bias() {
    let seen = |bias: &[(u32, f32)]| {
        let sampler = Sampler::new(open(), 3).with_bias(bias.iter().copied().collect());
        let sampler = sampler.with_suppressed(&[1, 4, 99]);
        assert!(!sampler.is_argmax());
        let draw = |position| sampler.sample(&mut LOGITS.clone(), &vec![1; position], position);
        (0..400).map(draw).collect::<std::collections::BTreeSet<u32>>().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(seen(&[]), [0, 2]);
    assert_eq!(seen(&[(1, 0.0)]), [0, 1, 2]);
    let greedy = Sampler::new(Sampling { presence_penalty: -9.0, ..Sampling::greedy() }, 0);
    assert_eq!(greedy.with_suppressed(&[1]).sample(&mut LOGITS.clone(), &[1], 1), 2);
}

/// Compares with sampling from the softmax of biased logits over the temperature, with the same Gumbel noise.
#[test]
fn a_bias_equals_biased_logits() {
    let logits: Vec<f32> = (0..50).map(|i| ((i * 37) % 11) as f32 / 3.0).collect();
    let bias = BTreeMap::from([(3, 4.5), (10, -100.0), (21, 2.25), (49, 3.0)]);
    let mut seen = std::collections::BTreeSet::new();
    for position in 0..300 {
        let sampler = Sampler::new(open(), 9).with_bias(bias.clone());
        let score = |token: u32| {
            let logit = logits[token as usize] + bias.get(&token).copied().unwrap_or(0.0);
            f64::from(logit) + gumbel(9, position as u32, token)
        };
        let expected = (0..50).max_by(|a, b| score(*a).total_cmp(&score(*b))).unwrap();
        let ours = sampler.sample(&mut logits.clone(), &vec![0; position], 0);
        assert_eq!(ours, expected, "{position}");
        seen.insert(ours);
    }
    assert!(seen.contains(&3) && seen.contains(&21) && !seen.contains(&10), "{seen:?}");
}

#[test]
fn random_bits_look_random() {
    // Each bit is set about half of the time, whichever input counts up.
    for which in 0..4 {
        let mut set = [0; 32];
        for i in 0..4096 {
            let mut numbers = [7, 0, 300, 5];
            numbers[which] = i;
            let bits = random_bits(numbers);
            (0..32).for_each(|bit| set[bit] += bits >> bit & 1);
        }
        assert!(set.iter().all(|n| (1850..2250).contains(n)), "{which}: {set:?}");
    }
}

#[test]
fn nothing_but_nan_still_gives_a_token() {
    assert_eq!(Sampler::new(open(), 0).sample(&mut [f32::NAN; 3], &[], 0), 0);
}
