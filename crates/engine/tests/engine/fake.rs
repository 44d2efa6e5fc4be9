//! A model file made here and a backend that "computes" a prepared answer, so that everything around the kernels can be
//! tested exactly.

use std::cell::RefCell;
use std::rc::Rc;

use linnet_engine::{Engine, LoadOptions, Loader, Platform};
use linnet_gguf::{Array, HeaderWriter, Value};
use linnet_graph::{
    Backend, BackendError, Bytes, Capabilities, CompileOptions, MemoryUse, Output, Plan, Step, Want,
    WeightSpec,
};
use linnet_quant::DType;
use linnet_text::LocalTime;

pub const CONTEXT: usize = 64;
pub const MAX_BATCH: usize = 8;
pub const START: u32 = 256;
pub const END: u32 = 257;

/// What the backend was asked to do.
#[derive(Default)]
pub struct Log {
    /// Tokens of each step.
    pub steps: Vec<Vec<u32>>,
    /// Bytes of each weight, by the graph's index.
    pub weights: Vec<Vec<u8>>,
}

/// Continues any context that ends with its prompt by its answer.
pub struct FakeBackend {
    capabilities: Capabilities,
    /// Pairs of a prompt's last token count and what follows it.
    answer: Vec<u32>,
    log: Rc<RefCell<Log>>,
}

/// The KV cache: the tokens themselves.
pub struct Cache(Vec<u32>);

impl FakeBackend {
    /// The bytes of `answer`, then the end of the turn, follow each prompt's last line feed or start token.
    pub fn new(answer: &[u8]) -> (Self, Rc<RefCell<Log>>) {
        let log = Rc::new(RefCell::new(Log::default()));
        let answer = answer.iter().map(|b| u32::from(*b)).chain([END]).collect();
        let capabilities =
            Capabilities { backend: "cpu", threads: 1, max_batch: MAX_BATCH, ..Capabilities::default() };
        (FakeBackend { capabilities, answer, log: Rc::clone(&log) }, log)
    }

    fn next(&self, tokens: &[u32]) -> u32 {
        let prompt = tokens.iter().rposition(|t| *t == u32::from(b'\n')).map_or(0, |at| at + 1);
        self.answer.get(tokens.len() - prompt).copied().unwrap_or(END)
    }
}

impl Backend for FakeBackend {
    type Weight = (usize, Vec<u8>);
    type Program = Cache;

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn allocate(&mut self, spec: &WeightSpec) -> Result<Self::Weight, BackendError> {
        Ok((spec.byte_len(), Vec::new()))
    }

    async fn write(&mut self, weight: &mut Self::Weight, bytes: Bytes<'_>) -> Result<(), BackendError> {
        let start = weight.1.len();
        weight.1.resize(start + bytes.len(), 0);
        bytes.copy_to(0, &mut weight.1[start..]);
        Ok(())
    }

    async fn compile(
        &mut self,
        plan: &Plan,
        weights: Vec<Self::Weight>,
        options: CompileOptions,
    ) -> Result<Cache, BackendError> {
        assert_eq!((weights.len(), options.max_batch), (plan.graph.weights.len(), MAX_BATCH));
        for (len, bytes) in weights {
            assert_eq!(len, bytes.len(), "a weight is compiled before it is whole");
            self.log.borrow_mut().weights.push(bytes);
        }
        Ok(Cache(Vec::new()))
    }

    async fn run(&mut self, cache: &mut Cache, step: Step<'_>) -> Result<Output, BackendError> {
        assert!((1..=MAX_BATCH).contains(&step.tokens.len()) && step.position <= cache.0.len());
        self.log.borrow_mut().steps.push(step.tokens.to_vec());
        cache.0.truncate(step.position);
        cache.0.extend_from_slice(step.tokens);
        assert!(cache.0.len() <= CONTEXT);
        let next = self.next(&cache.0);
        Ok(match step.want {
            Want::Nothing => Output::None,
            Want::Token => Output::Token(next),
            Want::Logits(_) => Output::Logits((0..258).map(|t| if t == next { 10.0 } else { 0.0 }).collect()),
        })
    }

    fn memory(&self, _: &Cache) -> MemoryUse {
        MemoryUse::default()
    }
}

/// The character by which byte-level BPE (GPT-2's `bytes_to_unicode`) writes a byte.
fn byte_char(byte: u8) -> char {
    let printable = |b: &u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(&byte) {
        return char::from(byte);
    }
    let index = (0..byte).filter(|b| !printable(b)).count() as u32;
    char::from_u32(256 + index).unwrap()
}

/// A one-layer llama whose tokens are the bytes, a start and an end token.
pub fn model_file() -> Vec<u8> {
    let tokens = (0..=255).map(|b| byte_char(b).to_string()).chain(["<|start|>".into(), "<|end|>".into()]);
    let types = (0..258).map(|t| if t < 256 { 1 } else { 3 });
    let template = "{% for m in messages %}<|start|>{{ m.role }}:{{ m.content }}<|end|>{% endfor %}\
                    {% if add_generation_prompt %}<|start|>\n{% endif %}";
    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("general.architecture", Value::String("llama".into())),
        ("general.name", Value::String("Fake".into())),
        ("llama.block_count", Value::U32(1)),
        ("llama.context_length", Value::U32(CONTEXT as u32)),
        ("llama.embedding_length", Value::U32(8)),
        ("llama.feed_forward_length", Value::U32(8)),
        ("llama.attention.head_count", Value::U32(1)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.pre", Value::String("gpt-2".into())),
        ("tokenizer.ggml.tokens", Value::Array(Array::Strings(tokens.collect()))),
        ("tokenizer.ggml.token_type", Value::Array(Array::I32(types.collect()))),
        ("tokenizer.ggml.merges", Value::Array(Array::Strings(Vec::new()))),
        ("tokenizer.ggml.eos_token_id", Value::U32(END)),
        ("tokenizer.chat_template", Value::String(template.into())),
    ] {
        writer.metadata(key, value);
    }
    // The order of the tensors is not the order in which the graph names them.
    for (part, dims) in [
        ("output_norm", vec![8]),
        ("blk.0.ffn_down", vec![8, 8]),
        ("blk.0.ffn_up", vec![8, 8]),
        ("blk.0.ffn_gate", vec![8, 8]),
        ("blk.0.ffn_norm", vec![8]),
        ("blk.0.unused", vec![5]),
        ("blk.0.attn_output", vec![8, 8]),
        ("blk.0.attn_v", vec![8, 8]),
        ("blk.0.attn_k", vec![8, 8]),
        ("blk.0.attn_q", vec![8, 8]),
        ("blk.0.attn_norm", vec![8]),
        ("token_embd", vec![8, 258]),
    ] {
        writer.tensor(&format!("{part}.weight"), &dims, DType::F32).unwrap();
    }
    let mut file = writer.to_bytes();
    let len = linnet_gguf::Gguf::parse(&file).unwrap().file_len() as usize;
    file.extend((file.len()..len).map(|i| (i * 31 % 251) as u8));
    file
}

pub fn platform() -> Platform {
    Platform { now_ms: || 0.0, local_time: || LocalTime::EPOCH, random_seed: || 7 }
}

/// A loader for [`model_file`].
pub fn loader(answer: &[u8]) -> (Loader<FakeBackend>, Rc<RefCell<Log>>) {
    let (backend, log) = FakeBackend::new(answer);
    let options = LoadOptions { context_length: None, max_logits: 1, platform: platform() };
    (Loader::new(backend, options), log)
}

/// The loaded model, answering `answer`.
pub fn engine(answer: &[u8]) -> (Engine<FakeBackend>, Rc<RefCell<Log>>) {
    let (mut loader, log) = loader(answer);
    pollster::block_on(loader.push(Bytes::Heap(&model_file()))).unwrap();
    (pollster::block_on(loader.finish()).unwrap(), log)
}
