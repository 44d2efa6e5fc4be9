//! Sampling on the GPU gives the same tokens as the engine's sampler, for any number of tokens per submit.

use std::path::Path;

use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_engine::{Engine, Event, LoadOptions, Loader, Platform, Request, Sampler, Sampling};
use linnet_gpu::{GpuBackend, GpuOptions};
use linnet_graph::{
    Backend, BackendError, Builder, Bytes, CompileOptions, DecodeAhead, DecodeRequest, Graph, KvFormat,
    Output, OutputRequest, Plan, Step,
};
use linnet_quant::DType;
use linnet_text::LocalTime;
use pollster::block_on;

const VOCABULARY: usize = 3001;
const WIDTH: usize = 32;
const OPTIONS: CompileOptions =
    CompileOptions { context_length: 200, max_batch: 80, max_logits: 1, kv: KvFormat::F16 };

fn gpu() -> Option<GpuBackend> {
    match block_on(GpuBackend::new(GpuOptions::default())) {
        Err(BackendError::NoAdapter { reason }) => {
            println!("skipped: no adapter ({reason})");
            None
        }
        opened => Some(opened.unwrap()),
    }
}

/// A token whose logits are all equal.
const FLAT: u32 = 11;

/// Each token's logits are random and depend only on that token; some of them are equal.
fn model() -> (Graph, [Vec<u8>; 2]) {
    let g = Builder::new();
    let table = g.weight("table", DType::Q8_0, VOCABULARY, WIDTH);
    let head = g.weight("head", DType::F32, VOCABULARY, WIDTH);
    let logits = g.matmul(head, g.select_rows(g.embed(table)));
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 20
    };
    // Each block has a scale of 1/64 (an f16) and 32 bytes.
    let rows =
        (0..VOCABULARY).map(|_| [vec![0x00, 0x24], (0..32).map(|_| random() as u8).collect()].concat());
    let mut table = rows.collect::<Vec<Vec<u8>>>().concat();
    table[FLAT as usize * 34..][..34].fill(0);
    let mut values = Vec::new();
    for row in 0..VOCABULARY {
        values.extend((0..WIDTH).map(|_| (random() as f32 / 4096.0 - 0.5) / 2.0));
        if row % 10 == 9 {
            values.copy_within((row - 1) * WIDTH..row * WIDTH, row * WIDTH);
        }
    }
    let head = values.iter().flat_map(|v: &f32| v.to_le_bytes()).collect();
    (g.finish(logits).unwrap(), [table, head])
}

struct Device {
    gpu: GpuBackend,
    program: <GpuBackend as Backend>::Program,
}

impl Device {
    fn new() -> Option<Device> {
        let mut gpu = gpu()?;
        let (graph, bytes) = model();
        let plan = Plan::new(graph);
        let mut weights = Vec::new();
        for (spec, bytes) in plan.graph.weights.iter().zip(bytes) {
            let mut weight = gpu.allocate(spec).unwrap();
            block_on(gpu.write(&mut weight, Bytes::Heap(&bytes))).unwrap();
            weights.push(weight);
        }
        let program = block_on(gpu.compile(&plan, weights, OPTIONS)).unwrap();
        Some(Device { gpu, program })
    }

    fn logits(&mut self, tokens: &[u32], position: usize) -> Vec<f32> {
        let step = Step { tokens, position, want: OutputRequest::Logits(1) };
        match block_on(self.gpu.run(&mut self.program, step)).unwrap() {
            Output::Logits(logits) => logits,
            other => panic!("{other:?}"),
        }
    }

    fn ahead(&mut self, tokens: &[u32], position: usize, request: DecodeRequest<'_>) -> Vec<u32> {
        let step = Step { tokens, position, want: OutputRequest::Token };
        self.gpu.submit_decode(&mut self.program, Some(step), request).unwrap();
        block_on(self.gpu.poll_decode(&mut self.program)).unwrap()
    }
}

fn open() -> Sampling {
    Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Sampling::default() }
}

fn samplings() -> Vec<Sampling> {
    let penalties =
        Sampling { repetition_penalty: 1.3, presence_penalty: 0.5, frequency_penalty: 0.7, ..open() };
    vec![
        Sampling::greedy(),
        open(),
        Sampling { min_p: 0.05, temperature: 3.0, ..open() },
        Sampling { top_k: 1, ..open() },
        Sampling { top_k: 2, ..open() },
        Sampling { top_k: 256, temperature: 2.0, ..open() },
        Sampling { top_k: 100, top_p: 0.7, temperature: 2.0, ..open() },
        Sampling { top_k: 40, top_p: 0.0, ..open() },
        Sampling::default(),
        Sampling { temperature: 0.0, ..penalties },
        Sampling { top_k: 40, top_p: 0.9, ..penalties },
        penalties,
        Sampling { top_p: 0.9, ..open() },
        Sampling { top_p: 0.3, temperature: 2.0, ..penalties },
        Sampling { top_p: 0.999, temperature: 100.0, ..open() },
        Sampling { top_p: 0.999, min_p: 0.01, temperature: 100.0, ..open() },
        Sampling { top_k: 257, temperature: 100.0, ..open() },
        Sampling { top_k: 1500, top_p: 0.95, temperature: 100.0, ..open() },
        Sampling { top_k: 10 * VOCABULARY, ..open() },
    ]
}

#[test]
fn the_gpu_samples_like_the_sampler() {
    let Some(mut device) = Device::new() else { return };
    let prompt: Vec<u32> = (0..70).map(|i| i * i * 37 % VOCABULARY as u32).collect();
    let first = device.logits(&prompt, 0);
    let (mut draws, mut differ, mut seen) = (0, 0, std::collections::HashSet::new());
    for sampling in samplings() {
        for seed in 0..12 {
            let sampler = Sampler::new(sampling, seed << 30 | 5);
            // The last tokens of the prompt count as generated.
            let sampling = sampler.params(prompt.len() - 5);
            let request = DecodeRequest { tokens: 1, stop: &[], suppressed: &[], sampling };
            let ours = device.ahead(&prompt, 0, request);
            let expected = sampler.sample(&mut first.clone(), &prompt, 5);
            draws += 1;
            differ += usize::from(ours != [expected]);
            seen.insert(expected);
        }
    }
    assert!(seen.len() > 20, "{} different tokens", seen.len());
    // Two candidates may be closer than the rounding of a logarithm.
    println!("{differ} of {draws} draws differ, {} different tokens", seen.len());
    assert!(differ * 50 <= draws, "{differ} of {draws} differ");
}

#[test]
fn the_tokens_do_not_depend_on_the_batch() {
    let Some(mut device) = Device::new() else { return };
    let prompt: Vec<u32> = (0..9).map(|i| i * i * 37 % VOCABULARY as u32).collect();
    for sampling in samplings() {
        let sampling = Sampler::new(sampling, 11).params(prompt.len());
        let [one, four, sixteen] = [1, 4, 16].map(|at_once| {
            let (mut tokens, mut cached) = (prompt.clone(), 0);
            while tokens.len() < prompt.len() + 48 {
                let request = DecodeRequest { tokens: at_once, stop: &[], suppressed: &[], sampling };
                let chosen = device.ahead(&tokens[cached..], cached, request);
                assert_eq!(chosen.len(), at_once);
                cached = tokens.len() + chosen.len() - 1;
                tokens.extend(chosen);
            }
            tokens
        });
        assert_eq!(one, four, "{sampling:?}");
        assert_eq!(one, sixteen, "{sampling:?}");
    }
}

#[test]
fn a_stop_token_is_the_last() {
    let Some(mut device) = Device::new() else { return };
    let sampling = Sampler::new(open(), 5).params(1);
    let request = DecodeRequest { tokens: 16, stop: &[], suppressed: &[], sampling };
    let all = device.ahead(&[3], 0, request);
    for last in [0, 1, 7, 15] {
        assert!(!all[..last].contains(&all[last]), "{all:?}");
        let stop = [VOCABULARY as u32, all[last]];
        assert_eq!(device.ahead(&[3], 0, DecodeRequest { stop: &stop, ..request }), all[..=last]);
        // Tokens computed after the stop token are dropped: the answer can resume from there.
        let tokens = 15 - last;
        if tokens > 0 {
            assert_eq!(
                device.ahead(&[all[last]], 1 + last, DecodeRequest { tokens, ..request }),
                all[last + 1..]
            );
        }
    }
}

/// With equal probabilities, the sampled tokens show which ones the filters keep.
#[test]
fn the_gpu_keeps_what_the_sampler_keeps() {
    let Some(mut device) = Device::new() else { return };
    let level = Sampling { temperature: 100.0, ..open() };
    let samplings = [
        Sampling { top_p: 0.1, ..level },
        Sampling { top_p: 0.5, ..level },
        Sampling { top_p: 0.9, ..level },
        Sampling { top_k: 100, top_p: 0.5, ..level },
        Sampling { top_k: 300, ..level },
        Sampling { top_k: 1000, top_p: 0.5, ..level },
    ];
    for token in [FLAT, 12] {
        let logits = device.logits(&[token], 0);
        for sampling in samplings {
            let (mut differ, mut last) = (0, 0);
            for seed in 0..60 {
                let sampler = Sampler::new(sampling, seed);
                let sampling = sampler.params(1);
                let request = DecodeRequest { tokens: 1, stop: &[], suppressed: &[], sampling };
                let expected = sampler.sample(&mut logits.clone(), &[token], 0);
                differ += usize::from(device.ahead(&[token], 0, request) != [expected]);
                last = last.max(expected);
            }
            // On a tie, the lower ids are kept.
            assert!(token != FLAT || last < VOCABULARY as u32 * 19 / 20, "{last}");
            assert!(differ <= 1, "{differ} of 60 differ: {token}, {sampling:?}");
        }
    }
}

#[test]
fn suppressed_tokens_are_not_sampled() {
    let Some(mut device) = Device::new() else { return };
    let (mut draws, mut differ) = (0, 0);
    for sampling in samplings() {
        for prompt in [&[3, 5, 8, 5][..], &[FLAT]] {
            // The tokens that would be sampled: the next one is suppressed, too, and so on.
            let mut suppressed: Vec<u32> = Vec::new();
            for seed in 0..12 {
                let sampler = Sampler::new(sampling, seed).with_suppressed(&suppressed);
                let mut logits = device.logits(prompt, 0);
                let expected = sampler.sample(&mut logits, prompt, 2.min(prompt.len()));
                let params = sampler.params(prompt.len().saturating_sub(2));
                let request =
                    DecodeRequest { tokens: 1, stop: &[], suppressed: &suppressed, sampling: params };
                let ours = device.ahead(prompt, 0, request);
                assert!(!suppressed.contains(&ours[0]), "{ours:?} of {suppressed:?} with {sampling:?}");
                draws += 1;
                differ += usize::from(ours != [expected]);
                suppressed.push(expected);
            }
        }
    }
    assert!(differ * 50 <= draws, "{differ} of {draws} differ");
}

#[test]
fn steps_beyond_the_promised_ones_are_rejected() {
    let Some(mut device) = Device::new() else { return };
    let sampling = Sampler::new(open(), 1).params(0);
    let step = Step { tokens: &[1], position: 0, want: OutputRequest::Token };
    let (stop, suppressed) = (&[1; DecodeRequest::MAX_STOPS + 1], &[1; DecodeRequest::MAX_SUPPRESSED + 1]);
    for request in [
        DecodeRequest { tokens: 1, stop, suppressed: &[], sampling },
        DecodeRequest { tokens: 1, stop: &[], suppressed, sampling },
    ] {
        let refused = device.gpu.submit_decode(&mut device.program, Some(step), request);
        assert!(matches!(refused, Err(BackendError::Internal(_))), "{refused:?}");
    }
    for (tokens, position) in [(0, 0), (17, 0), (2, 199)] {
        let step = Step { tokens: &[1], position, want: OutputRequest::Token };
        let request = DecodeRequest { tokens, stop: &[], suppressed: &[], sampling };
        let refused = device.gpu.submit_decode(&mut device.program, Some(step), request);
        assert!(matches!(refused, Err(BackendError::Internal(_))), "{refused:?}");
    }
}

/// A model from the fixtures.
fn load<B: Backend>(backend: B, model: &str) -> Engine<B> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny").join(model).join("model.gguf");
    let file = std::fs::read(file).expect("a fixture");
    let platform = Platform { now_ms: || 0.0, local_time: || LocalTime::EPOCH, random_seed: || 7 };
    let options = LoadOptions {
        context_length: Some(96),
        max_logits: 1,
        kv: KvFormat::F16,
        memory_limit: None,
        platform,
    };
    let mut loader = Loader::new(backend, options);
    block_on(loader.push(Bytes::Heap(&file))).expect("a model");
    block_on(loader.finish()).expect("a model")
}

/// The step that produced the stop token can be repeated, no matter what was queued after it.
#[test]
fn steps_after_the_end_keep_the_recurrent_state() {
    let Some(gpu) = gpu() else { return };
    for model in ["qwen35", "lfm2"] {
        let mut engine = load(gpu.clone(), model);
        let session = engine.session();
        let prompt: Vec<u32> = (0..17).map(|i| i * i * 37 % 400).collect();
        let (before, rest) = prompt.split_at(9);
        block_on(session.extend(before, OutputRequest::Nothing)).expect("a step");
        let logits = block_on(session.extend(rest, OutputRequest::Logits(1))).expect("a step");
        assert_eq!(session.reuse(&prompt), 9);
        let sampling = Sampler::new(Sampling::greedy(), 0).params(prompt.len());
        let request = DecodeRequest { tokens: 1, stop: &[], suppressed: &[], sampling };
        let last = block_on(session.run_decode(rest, request, 1)).expect("a token");
        assert_eq!(session.reuse(&prompt), 9);
        let chosen =
            block_on(session.run_decode(rest, DecodeRequest { stop: &last, ..request }, 9)).expect("a token");
        assert_eq!(chosen, last);
        assert_eq!(session.reuse(&prompt), 9);
        let again = block_on(session.extend(rest, OutputRequest::Logits(1))).expect("a step");
        assert!(again == logits, "{model}: {again:?} against {logits:?}");
    }
}

/// Whole models: with sliding windows, with recurrent state, with experts.
#[test]
fn models_answer_the_same_for_any_batch() {
    let Some(gpu) = gpu() else { return };
    for model in ["gemma3", "qwen35", "lfm2", "gpt-oss"] {
        let mut engine = load(gpu.clone(), model);
        let prompt: Vec<u32> = (0..17).map(|i| i * i * 37 % 400).collect();
        let sampling = Sampler::new(Sampling { top_k: 40, top_p: 0.9, ..open() }, 2).params(prompt.len());
        let session = engine.session();
        let mut answer = |at_once, queues| {
            session.reuse(&[]);
            let mut tokens = prompt.clone();
            while tokens.len() < prompt.len() + 32 {
                let left = prompt.len() + 32 - tokens.len();
                let request = DecodeRequest { tokens: at_once, stop: &[], suppressed: &[], sampling };
                let goes_on = session.goes_on(&tokens, &request);
                assert_eq!(goes_on, queues && tokens.len() > prompt.len());
                let kept = if goes_on { tokens.len() - 1 } else { session.reuse(&tokens) };
                assert!(kept == 0 || kept == tokens.len() - 1, "{model}: {kept} of {}", tokens.len());
                let wanted = if queues { left } else { at_once };
                tokens
                    .extend(block_on(session.run_decode(&tokens[kept..], request, wanted)).expect("tokens"));
            }
            tokens
        };
        let alone = answer(1, false);
        for (at_once, queues) in [(4, false), (16, false), (1, true), (3, true), (16, true)] {
            assert_eq!(answer(at_once, queues), alone, "{model}: {at_once}, queued: {queues}");
        }
    }
}

/// The tokens of an answer and their probabilities.
fn answer<B: Backend>(engine: &mut Engine<B>, request: &str) -> Vec<(u32, Option<f32>)> {
    let request = Request::from_json(request).expect("a request");
    let mut generation = engine.generate(&request).expect("an answer");
    let mut tokens = Vec::new();
    loop {
        match block_on(generation.next(engine)).expect("a step") {
            Event::Token { token, logprobs, .. } => {
                tokens.push((token, logprobs.map(|it| it.chosen.logprob)))
            }
            Event::Prefill { .. } => {}
            Event::Done(_) => return tokens,
        }
    }
}

/// With a logit bias or logprobs the GPU does not sample, and the answer is the CPU's.
#[test]
fn biased_answers_and_probabilities_are_those_of_the_cpu() {
    let Some(gpu) = gpu() else { return };
    let mut on_gpu = load(gpu, "qwen3");
    let mut on_cpu = load(CpuBackend::new(CpuOptions::default()), "qwen3");
    let prompt = r#""prompt":[5,42,77,300,12],"ignore_eos":true,"max_tokens":24"#;
    let plain = answer(&mut on_gpu, &format!(r#"{{{prompt},"temperature":0}}"#));
    let likely = answer(&mut on_gpu, &format!(r#"{{{prompt},"temperature":0,"logprobs":3}}"#));
    assert!(plain.iter().zip(&likely).all(|(plain, likely)| plain.0 == likely.0), "{plain:?}, {likely:?}");
    // Bans the first token and strongly favours another.
    let bias = format!(r#""logit_bias":{{"{}":-100,"7":100}}"#, plain[0].0);
    let forced = answer(&mut on_gpu, &format!(r#"{{{prompt},"temperature":0,{bias}}}"#));
    assert!(forced.iter().all(|(token, _)| *token == 7), "{forced:?}");
    let mild = format!(r#""logit_bias":{{"{}":-100,"7":1.5}},"seed":4,"temperature":0.7"#, plain[0].0);
    let request = format!(r#"{{{prompt},"logprobs":0,{mild}}}"#);
    let [ours, theirs] = [answer(&mut on_gpu, &request), answer(&mut on_cpu, &request)];
    assert_ne!(ours[0].0, plain[0].0);
    assert_eq!(ours.len(), 24);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let apart = (ours.1.expect("told") - theirs.1.expect("told")).abs();
        assert!(ours.0 == theirs.0 && apart < 0.01, "{ours:?} against {theirs:?}");
    }
}
