//! A model file written item by item, so that any item can be wrong.

/// A raw value: its type id and its bytes.
#[derive(Clone)]
pub struct Raw(pub u32, pub Vec<u8>);

pub const U32: u32 = 4;
pub const STRING: u32 = 8;
pub const ARRAY: u32 = 9;

pub fn number(value: u32) -> Raw {
    Raw(U32, value.to_le_bytes().to_vec())
}

pub fn float(value: f32) -> Raw {
    Raw(6, value.to_le_bytes().to_vec())
}

pub fn string(text: impl AsRef<[u8]>) -> Raw {
    Raw(STRING, counted(text.as_ref()))
}

pub fn counted(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text].concat()
}

/// An array: the elements' type, their count, their bytes.
pub fn array(kind: u32, count: u64, bytes: impl Into<Vec<u8>>) -> Raw {
    Raw(ARRAY, [kind.to_le_bytes().to_vec(), count.to_le_bytes().to_vec(), bytes.into()].concat())
}

pub fn strings<S: AsRef<[u8]>>(texts: &[S]) -> Raw {
    array(
        STRING,
        texts.len() as u64,
        texts.iter().flat_map(|text| counted(text.as_ref())).collect::<Vec<_>>(),
    )
}

pub fn integers(values: impl IntoIterator<Item = i32>) -> Raw {
    let values: Vec<i32> = values.into_iter().collect();
    array(5, values.len() as u64, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

/// A directory entry; the offset is relative to the start of the data.
#[derive(Clone)]
pub struct RawTensor {
    pub name: Vec<u8>,
    pub dims: Vec<u64>,
    pub kind: u32,
    pub offset: u64,
}

/// A file; the default one loads.
#[derive(Clone)]
pub struct RawFile {
    pub magic: [u8; 4],
    pub version: u32,
    pub tensor_count: u64,
    pub pair_count: u64,
    pub pairs: Vec<(Vec<u8>, Raw)>,
    pub tensors: Vec<RawTensor>,
    pub data: usize,
}

/// Vocabulary size.
const VOCABULARY: u64 = 258;

impl RawFile {
    /// A one-layer llama whose tokens are the bytes and two control tokens.
    pub fn good() -> Self {
        let tokens: Vec<String> =
            crate::fake::byte_tokens().chain(["<|start|>".into(), "<|end|>".into()]).collect();
        let pairs = [
            ("general.architecture", string("llama")),
            ("llama.block_count", number(1)),
            ("llama.context_length", number(64)),
            ("llama.embedding_length", number(8)),
            ("llama.feed_forward_length", number(8)),
            ("llama.attention.head_count", number(1)),
            ("llama.attention.layer_norm_rms_epsilon", float(1e-5)),
            ("tokenizer.ggml.model", string("gpt2")),
            ("tokenizer.ggml.pre", string("gpt-2")),
            ("tokenizer.ggml.tokens", strings(&tokens)),
            ("tokenizer.ggml.token_type", integers((0..258).map(|id| if id < 256 { 1 } else { 3 }))),
            ("tokenizer.ggml.merges", strings::<&str>(&[])),
            ("tokenizer.ggml.eos_token_id", number(257)),
            ("tokenizer.chat_template", string("{% for m in messages %}{{ m.content }}{% endfor %}")),
        ];
        let shapes: [(&str, &[u64]); 11] = [
            ("token_embd", &[8, VOCABULARY]),
            ("blk.0.attn_norm", &[8]),
            ("blk.0.attn_q", &[8, 8]),
            ("blk.0.attn_k", &[8, 8]),
            ("blk.0.attn_v", &[8, 8]),
            ("blk.0.attn_output", &[8, 8]),
            ("blk.0.ffn_norm", &[8]),
            ("blk.0.ffn_gate", &[8, 8]),
            ("blk.0.ffn_up", &[8, 8]),
            ("blk.0.ffn_down", &[8, 8]),
            ("output_norm", &[8]),
        ];
        let mut offset = 0;
        let tensors: Vec<RawTensor> = shapes
            .iter()
            .map(|(name, dims)| {
                let name = format!("{name}.weight").into_bytes();
                let tensor = RawTensor { name, dims: dims.to_vec(), kind: 0, offset };
                offset += dims.iter().product::<u64>() * 4;
                tensor
            })
            .collect();
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value)).collect();
        Self {
            magic: *b"GGUF",
            version: 3,
            tensor_count: tensors.len() as u64,
            pair_count: pairs.len() as u64,
            pairs,
            tensors,
            data: offset as usize,
        }
    }

    /// Replaces the value of `key`, or adds it.
    pub fn set(mut self, key: &str, value: Raw) -> Self {
        match self.pairs.iter_mut().find(|(name, _)| name == key.as_bytes()) {
            Some((_, old)) => *old = value,
            None => {
                self.pairs.push((key.as_bytes().to_vec(), value));
                self.pair_count += 1;
            }
        }
        self
    }

    pub fn without(mut self, key: &str) -> Self {
        self.pairs.retain(|(name, _)| name != key.as_bytes());
        self.pair_count = self.pairs.len() as u64;
        self
    }

    /// Changes the tensor with this index.
    pub fn tensor(mut self, index: usize, change: impl FnOnce(&mut RawTensor)) -> Self {
        change(&mut self.tensors[index]);
        self
    }

    /// Changes anything.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.sections().concat()
    }

    /// The file in sections. Tests truncate it at the end of each.
    pub fn sections(&self) -> Vec<Vec<u8>> {
        let mut sections = vec![
            self.magic.to_vec(),
            self.version.to_le_bytes().to_vec(),
            self.tensor_count.to_le_bytes().to_vec(),
            self.pair_count.to_le_bytes().to_vec(),
        ];
        for (key, Raw(kind, value)) in &self.pairs {
            sections.extend([counted(key), kind.to_le_bytes().to_vec()]);
            match kind {
                &ARRAY if value.len() > 12 => {
                    sections.extend([value[..4].to_vec(), value[4..12].to_vec(), value[12..].to_vec()])
                }
                _ => sections.push(value.clone()),
            }
        }
        for RawTensor { name, dims, kind, offset } in &self.tensors {
            sections.push(counted(name));
            sections.push((dims.len() as u32).to_le_bytes().to_vec());
            sections.push(dims.iter().flat_map(|dim| dim.to_le_bytes()).collect());
            sections.push(kind.to_le_bytes().to_vec());
            sections.push(offset.to_le_bytes().to_vec());
        }
        let header: usize = sections.iter().map(Vec::len).sum();
        sections.push(vec![0; header.next_multiple_of(32) - header]);
        let tenths = self.data.div_ceil(10).max(1);
        sections.extend(vec![0; self.data].chunks(tenths).map(<[u8]>::to_vec));
        sections
    }
}
