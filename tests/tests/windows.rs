//! Models with sliding-window layers, in contexts much longer than these layers' caches.

use std::path::Path;

use linnet_cpu::{CpuBackend, CpuOptions};
use linnet_engine::{Engine, LoadOptions, Loader, Platform, Session};
use linnet_gpu::{GpuBackend, GpuOptions};
use linnet_graph::{
    Attention, Backend, BackendError, Builder, Bytes, Capabilities, CompileOptions, KvFormat, MemoryUse,
    NoDecodeAhead, Output, OutputRequest, Plan, Step, WeightSpec,
};
use linnet_quant::DType;
use linnet_text::LocalTime;
use pollster::block_on;

/// A backend with a different batch size, which changes the length of the ring buffers.
struct Batched<B> {
    inner: B,
    capabilities: Capabilities,
}

impl<B: Backend> Batched<B> {
    fn new(inner: B, max_batch: usize) -> Self {
        let capabilities = Capabilities { max_batch, ..inner.capabilities().clone() };
        Batched { inner, capabilities }
    }
}

impl<B: Backend> Backend for Batched<B> {
    type Weight = B::Weight;
    type Program = B::Program;
    type DecodeAhead = NoDecodeAhead<B::Program>;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn allocate(&mut self, spec: &WeightSpec) -> Result<B::Weight, BackendError> {
        self.inner.allocate(spec)
    }

    async fn write(&mut self, weight: &mut B::Weight, bytes: Bytes<'_>) -> Result<(), BackendError> {
        self.inner.write(weight, bytes).await
    }

    async fn compile(
        &mut self,
        plan: &Plan,
        weights: Vec<B::Weight>,
        options: CompileOptions,
    ) -> Result<B::Program, BackendError> {
        self.inner.compile(plan, weights, options).await
    }

    async fn run(&mut self, program: &mut B::Program, step: Step<'_>) -> Result<Output, BackendError> {
        self.inner.run(program, step).await
    }

    fn memory(&self, program: &B::Program) -> MemoryUse {
        self.inner.memory(program)
    }
}

/// Batch size that makes the caches ring buffers. The models' windows are 32, so they have 96 of the
/// [`CONTEXT`] positions.
const BATCH: usize = 20;
/// Batch size at which every cache covers the whole context.
const WHOLE: usize = 448;
/// Context length.
const CONTEXT: usize = 512;

fn load<B: Backend>(backend: B, max_batch: usize, model: &str, kv: KvFormat) -> Engine<Batched<B>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny");
    let file = std::fs::read(folder.join(model).join("model.gguf")).expect("a fixture");
    let platform = Platform { now_ms: || 0.0, local_time: || LocalTime::EPOCH, random_seed: || 7 };
    let options =
        LoadOptions { context_length: Some(CONTEXT), max_logits: 1, kv, memory_limit: None, platform };
    let mut loader = Loader::new(Batched::new(backend, max_batch), options);
    block_on(loader.push(Bytes::Heap(&file))).expect("a model");
    block_on(loader.finish()).expect("a model")
}

/// Runs the part of `tokens` that the session does not have, in steps of [`BATCH`]; returns the last logits.
fn run<B: Backend>(session: &mut Session<B>, tokens: &[u32]) -> Vec<f32> {
    let kept = session.reuse(tokens);
    let mut logits = Vec::new();
    for step in tokens[kept..].chunks(BATCH) {
        match block_on(session.extend(step, OutputRequest::Logits(1))) {
            Ok(Output::Logits(row)) => logits = row,
            other => panic!("{other:?}"),
        }
    }
    logits
}

fn tokens(seed: u32, len: usize) -> Vec<u32> {
    let mut random = seed;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % 500
    };
    (0..len).map(|_| next()).collect()
}

/// The size of the caches does not change results: not after a long prompt, not token by token, and not after
/// going back, whether a little or so far that the rest runs again. Logits may differ by `rounding`, relative
/// to the largest, because sums are split at the end of a ring buffer.
fn ring_buffers_change_nothing<B: Backend>(make: impl Fn() -> B, model: &str, kv: KvFormat, rounding: f32) {
    let mut ring = load(make(), BATCH, model, kv);
    let mut whole = load(make(), WHOLE, model, kv);
    let [small, large] = [ring.info().memory.kv, whole.info().memory.kv];
    assert!(small * 3 < large * 2, "{model}: rings of {small} bytes, whole caches of {large}");
    let (ring, whole) = (ring.session(), whole.session());

    let mut tokens = tokens(7, 470);
    let mut expect = |tokens: &[u32], kept: usize, what: &str| {
        assert_eq!(ring.reuse(tokens), kept, "{model}, {what}");
        let (got, want) = (run(ring, tokens), run(whole, tokens));
        let greatest = want.iter().fold(0.0, |greatest: f32, logit| greatest.max(logit.abs()));
        let off = got.iter().zip(&want).fold(0.0, |off: f32, (got, want)| off.max((got - want).abs()));
        assert!(got.len() == want.len() && greatest > 0.0);
        let part = off / greatest;
        assert!(part <= rounding, "{model} in {}: logits {what} are off by {part}", kv.name());
    };
    expect(&tokens, 0, "after a long prompt");
    for more in 0..4 {
        tokens.push(more);
        expect(&tokens, tokens.len() - 1, "after one token more");
    }
    // The window is 32 of the 96 positions.
    tokens.truncate(474 - 60);
    tokens.extend(self::tokens(8, 30));
    expect(&tokens, 474 - 60, "after going back");
    tokens.truncate(474 - 66);
    tokens.extend(self::tokens(9, 50));
    expect(&tokens, 0, "after going back too far");
    tokens.truncate(30);
    tokens.extend(self::tokens(10, 300));
    expect(&tokens, 0, "after going back to the first positions");
}

/// A step that needs evicted positions is an error, not an answer.
fn an_evicted_position_is_rejected<B: Backend>(mut backend: B) {
    let g = Builder::new();
    let table = g.weight("table", DType::F32, 8, 8);
    let x = g.embed(table);
    let layer = g.kv_layer(1, 8);
    g.store_kv(layer, x, x);
    let attention = Attention { window: Some(3), ..Attention::new(layer, [1, 1], 8, 1.0) };
    let logits = g.matmul(table, g.select_rows(g.attention(x, attention)));
    let plan = Plan::new(g.finish(logits).expect("shapes that fit"));
    let options = CompileOptions { context_length: 64, max_batch: 10, max_logits: 1, kv: KvFormat::F16 };
    block_on(async {
        let mut weight = backend.allocate(&plan.graph.weights[0]).expect("room");
        backend.write(&mut weight, Bytes::Heap(&[0; 256])).await.expect("written");
        let mut program = backend.compile(&plan, vec![weight], options).await.expect("compiled");
        let mut run = async |position| {
            let step = Step { tokens: &[1; 10], position, want: OutputRequest::Nothing };
            backend.run(&mut program, step).await
        };
        for position in (0..50).step_by(10) {
            assert_eq!(run(position).await, Ok(Output::None), "{position}");
        }
        for (position, held) in [(20, true), (19, false), (51, false), (0, true), (10, true), (20, true)] {
            match run(position).await {
                Ok(_) => assert!(held, "a step at {position} was run"),
                Err(error) => assert!(!held && matches!(error, BackendError::Internal(_)), "{error}"),
            }
        }
    });
}

fn cpu(portable: bool) -> CpuBackend {
    CpuBackend::new(CpuOptions { threads: Some(1), portable, precise: true })
}

#[test]
fn cpu_ring_buffers_change_nothing() {
    for model in ["gemma2", "gemma3", "gemma4", "gpt-oss"] {
        ring_buffers_change_nothing(|| cpu(false), model, KvFormat::F32, 1e-5);
    }
    ring_buffers_change_nothing(|| cpu(true), "gemma3", KvFormat::F16, 5e-4);
    ring_buffers_change_nothing(|| cpu(false), "gemma3", KvFormat::Q8_0, 1e-2);
}

#[test]
fn cpu_an_evicted_position_is_rejected() {
    an_evicted_position_is_rejected(cpu(false));
}

/// A device, or `None` with a printed note if there is no adapter.
fn gpu() -> Option<GpuBackend> {
    match block_on(GpuBackend::new(GpuOptions::default())) {
        Err(BackendError::NoAdapter { reason }) => {
            println!("skipped: no adapter ({reason})");
            None
        }
        Err(error) => panic!("{error}"),
        Ok(backend) => Some(backend),
    }
}

#[test]
fn gpu_ring_buffers_change_nothing() {
    let Some(gpu) = gpu() else { return };
    ring_buffers_change_nothing(|| gpu.clone(), "gemma3", KvFormat::F16, 0.0);
}

#[test]
fn gpu_an_evicted_position_is_rejected() {
    let Some(gpu) = gpu() else { return };
    an_evicted_position_is_rejected(gpu);
}
