//! Hyperparameters, read from metadata and checked.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;

use linnet_gguf::{Array, Gguf, Value};
use linnet_graph::WIDEST;

use crate::ModelError;

/// The hyperparameters that every decoder has.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// `general.architecture`.
    pub architecture: String,
    /// Number of layers.
    pub block_count: usize,
    /// Width of the residual stream.
    pub embedding_length: usize,
    /// Width of each layer's feed-forward part.
    pub feed_forward_length: Vec<usize>,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads of each layer; divides `heads`, or 0 for a layer without attention.
    pub kv_heads: Vec<usize>,
    /// Elements per head.
    pub head_dim: usize,
    /// Elements per head that rope rotates; even, at most `head_dim`.
    pub rotary_dim: usize,
    /// Base of the rope frequencies.
    pub rope_base: f32,
    /// Added to the mean square in norms.
    pub norm_eps: f32,
    /// Number of tokens, from the embedding table's rows.
    pub vocab_size: usize,
    /// Positions that the model was trained on.
    pub context_length: usize,
}

/// A bound on every hyperparameter. Products of them are checked where they are made ([`Keys::width`]).
const MAX: u32 = 1 << 24;

/// More elements than any model's heads have. It limits the stored rope frequencies of each layer.
const MOST_HEAD: usize = 1 << 12;

/// More layers than any model has.
const MOST_LAYERS: usize = 1 << 12;

/// Keys that change the computation, with the values at which they do not. An architecture that does not read such a
/// key would compute something wrong. (A window is not one of them, because files have it even for architectures that
/// llama.cpp runs without it.)
const VARIANTS: &[(&str, &[f64])] = &[
    ("attention.chunk_size", &[0.0]),
    ("attention.clamp_kqv", &[0.0]),
    ("attention.kv_lora_rank", &[0.0]),
    ("attention.max_alibi_bias", &[0.0]),
    ("attention.output_scale", &[0.0, 1.0]),
    ("attention.q_lora_rank", &[0.0]),
    ("attention.shared_kv_layers", &[0.0]),
    ("attention.temperature_scale", &[0.0]),
    ("attention.value_scale", &[0.0, 1.0]),
    ("attn_logit_softcapping", &[0.0]),
    ("embedding_length_per_layer_input", &[0.0]),
    ("embedding_scale", &[0.0, 1.0]),
    ("expert_count", &[0.0]),
    ("expert_shared_count", &[0.0]),
    ("final_logit_softcapping", &[0.0]),
    ("interleave_moe_layer_step", &[0.0, 1.0]),
    ("leading_dense_block_count", &[0.0]),
    ("logit_scale", &[0.0, 1.0]),
    ("moe_every_n_layers", &[0.0, 1.0]),
    // Models that compute embeddings or rankings instead of logits.
    ("pooling_type", &[0.0]),
    ("residual_scale", &[0.0, 1.0]),
    ("rope.dimension_sections", &[0.0]),
    ("rope.freq_base_swa", &[]),
    ("rope.local.freq_base", &[]),
    ("router_logit_softcapping", &[0.0]),
    ("swin_norm", &[0.0]),
    ("use_parallel_residual", &[0.0]),
];

impl Config {
    /// Reads and checks the keys of `architecture`.
    ///
    /// # Errors
    /// [`ModelError::MissingKey`], [`ModelError::BadValue`], [`ModelError::Metadata`].
    pub(crate) fn read(header: &Gguf) -> Result<Self, ModelError> {
        let keys = Keys::new(header)?;
        let embedding_length = keys.size("embedding_length")?;
        let block_count = keys.size("block_count")?;
        let heads = keys.uniform("attention.head_count", block_count)?;
        let kv_heads = keys.sizes("attention.head_count_kv", block_count, Some(heads))?;
        let head_dim = keys.size_or("attention.key_length", embedding_length / heads)?;
        let rotary_dim = keys.size_or("rope.dimension_count", head_dim)?;

        if let Some(wrong) = kv_heads.iter().find(|n| **n > 0 && heads % **n != 0) {
            return Err(keys.bad("attention.head_count_kv", *wrong, "it must divide the number of heads"));
        }
        if head_dim == 0 {
            return Err(keys.bad(
                "attention.head_count",
                heads,
                "there are more heads than embedding elements",
            ));
        }
        keys.width("attention.head_count", &[heads, head_dim])?;
        if keys.size_or("attention.value_length", head_dim)? != head_dim {
            return Err(keys.unsupported("attention.value_length", "different from the key length"));
        }
        keys.check_head("rope.dimension_count", head_dim, rotary_dim)?;
        let table = header
            .tensors
            .iter()
            .find(|t| t.name == "token_embd.weight")
            .ok_or(ModelError::MissingTensor { tensor: "token_embd.weight".to_owned() })?;
        let vocab_size = table.dims.get(1).copied().unwrap_or(0);
        if vocab_size == 0 || vocab_size > u64::from(MAX) {
            return Err(keys.bad("vocab_size", vocab_size, "the embedding table has no rows, or too many"));
        }
        if block_count > MOST_LAYERS {
            return Err(keys.bad("block_count", block_count, "it is too large"));
        }
        Ok(Config {
            feed_forward_length: keys.sizes("feed_forward_length", block_count, None)?,
            block_count,
            context_length: keys.size("context_length")?,
            // Ollama's files of Gemma 3 have their own keys for the rope bases of windowed and full layers.
            rope_base: keys
                .positive_or("rope.freq_base", keys.positive_or("rope.global.freq_base", 10_000.0)?)?,
            norm_eps: keys.positive("attention.layer_norm_rms_epsilon")?,
            vocab_size: vocab_size as usize,
            architecture: keys.architecture.to_owned(),
            embedding_length,
            heads,
            kv_heads,
            head_dim,
            rotary_dim,
        })
    }
}

/// The metadata keys of one architecture: `<architecture>.<name>`.
pub(crate) struct Keys<'a> {
    header: &'a Gguf,
    architecture: &'a str,
    /// Names that have been looked up.
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(header: &'a Gguf) -> Result<Self, ModelError> {
        let architecture = header.metadata.str("general.architecture")?.unwrap_or_default();
        Ok(Self { header, architecture, read: RefCell::default() })
    }

    fn key(&self, name: &str) -> String {
        self.read.borrow_mut().insert(name.to_owned());
        format!("{}.{name}", self.architecture)
    }

    pub(crate) fn bad(&self, name: &str, value: impl Display, reason: &'static str) -> ModelError {
        ModelError::BadValue { key: self.key(name), value: value.to_string(), reason }
    }

    pub(crate) fn unsupported(&self, name: &str, value: impl Into<String>) -> ModelError {
        let architecture = self.architecture.to_owned();
        ModelError::UnsupportedVariant { architecture, key: self.key(name), value: value.into() }
    }

    /// A count of at least 1.
    pub(crate) fn size(&self, name: &str) -> Result<usize, ModelError> {
        self.optional_size(name)?.ok_or_else(|| ModelError::MissingKey { key: self.key(name) })
    }

    /// A count of at least 1, or `default` if the key is absent.
    pub(crate) fn size_or(&self, name: &str, default: usize) -> Result<usize, ModelError> {
        Ok(self.optional_size(name)?.unwrap_or(default))
    }

    /// A count of at least 1 that is the same in all layers, from a number, or an array with one for each layer.
    fn uniform(&self, name: &str, layers: usize) -> Result<usize, ModelError> {
        let sizes = match self.header.metadata.get(&self.key(name)) {
            Some(Value::Array(_)) => self.sizes(name, layers, None)?,
            _ => return self.size(name),
        };
        match sizes.first() {
            Some(&size) if size > 0 && sizes.iter().all(|other| *other == size) => Ok(size),
            _ => Err(self.unsupported(name, "different in some layers")),
        }
    }

    /// A count for each layer, from a number, or an array with one for each layer; 0 is allowed in an array.
    pub(crate) fn sizes(
        &self,
        name: &str,
        layers: usize,
        default: Option<usize>,
    ) -> Result<Vec<usize>, ModelError> {
        if !matches!(self.header.metadata.get(&self.key(name)), Some(Value::Array(_))) {
            let size = match default {
                Some(default) => self.size_or(name, default)?,
                None => self.size(name)?,
            };
            return Ok(vec![size; layers.min(MOST_LAYERS)]);
        }
        let sizes = self.header.metadata.integers(&self.key(name))?;
        let found = sizes.map_or(0, |sizes| sizes.len());
        let Some(sizes) = sizes.filter(|_| found == layers) else {
            return Err(self.bad(name, found, "there must be one number for each layer"));
        };
        let size = |n: i64| {
            let size = usize::try_from(n).ok().filter(|n| *n <= MAX as usize);
            size.ok_or_else(|| self.bad(name, n, "it is negative or too large"))
        };
        sizes.iter().map(size).collect()
    }

    /// A flag for each layer, if the file has an array of them.
    pub(crate) fn flags(&self, name: &str, layers: usize) -> Result<Option<Vec<bool>>, ModelError> {
        if !matches!(self.header.metadata.get(&self.key(name)), Some(Value::Array(_))) {
            return Ok(None);
        }
        let flags = self.header.metadata.bools(&self.key(name))?.unwrap_or_default();
        if flags.len() != layers {
            return Err(self.bad(name, flags.len(), "there must be one flag for each layer"));
        }
        Ok(Some(flags.to_vec()))
    }

    /// A flag, or `default` if the key is absent.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, ModelError> {
        Ok(self.header.metadata.bool(&self.key(name))?.unwrap_or(default))
    }

    /// Any finite number, or `default` if the key is absent.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, ModelError> {
        match self.header.metadata.f32(&self.key(name))? {
            Some(x) if !x.is_finite() => {
                let (key, value) = (self.key(name), x.to_string());
                Err(ModelError::BadValue { key, value, reason: "it must be a number" })
            }
            other => Ok(other.unwrap_or(default)),
        }
    }

    /// A count of at least 1; `None` if the key is absent or 0.
    pub(crate) fn nonzero(&self, name: &str) -> Result<Option<usize>, ModelError> {
        Ok(self.number(name)?.filter(|n| *n > 0).map(|n| n.min(MAX) as usize))
    }

    /// Whether the file has the key.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.header.metadata.get(&self.key(name)).is_some()
    }

    /// The value of `general.architecture`.
    pub(crate) fn architecture(&self) -> &'a str {
        self.architecture
    }

    /// The product of these factors, at most the widest row of activations, so that sizes fit 32 bits.
    pub(crate) fn width(&self, name: &str, factors: &[usize]) -> Result<usize, ModelError> {
        let product = factors.iter().try_fold(1, |product: usize, factor| product.checked_mul(*factor));
        product.filter(|product| *product <= WIDEST).ok_or_else(|| {
            let factors: Vec<String> = factors.iter().map(usize::to_string).collect();
            self.bad(name, factors.join(" x "), "the row is too wide")
        })
    }

    /// Rejects absurdly large heads, and ropes that rotate more than a head or half a pair.
    pub(crate) fn check_head(
        &self,
        name: &str,
        head_dim: usize,
        rotary_dim: usize,
    ) -> Result<(), ModelError> {
        if head_dim > MOST_HEAD {
            return Err(self.bad(name, head_dim, "a head is too large"));
        }
        if rotary_dim > head_dim || !rotary_dim.is_multiple_of(2) {
            return Err(self.bad(name, rotary_dim, "it must be even and at most the head's size"));
        }
        Ok(())
    }

    fn optional_size(&self, name: &str) -> Result<Option<usize>, ModelError> {
        match self.header.metadata.u32(&self.key(name))? {
            Some(0) => Err(self.bad(name, 0, "it must be at least 1")),
            Some(n) if n > MAX => Err(self.bad(name, n as usize, "it is too large")),
            other => Ok(other.map(|n| n as usize)),
        }
    }

    pub(crate) fn optional_f32(&self, name: &str) -> Result<Option<f32>, ModelError> {
        match self.header.metadata.f32(&self.key(name))? {
            Some(x) if !(x.is_finite() && x > 0.0) => Err(ModelError::BadValue {
                key: self.key(name),
                value: x.to_string(),
                reason: "it must be a positive number",
            }),
            other => Ok(other),
        }
    }

    /// A positive number; absent or 0, which some writers use for "none", gives `None`.
    pub(crate) fn nonzero_f32(&self, name: &str) -> Result<Option<f32>, ModelError> {
        if self.header.metadata.f32(&self.key(name))? == Some(0.0) {
            Ok(None)
        } else {
            self.optional_f32(name)
        }
    }

    pub(crate) fn positive(&self, name: &str) -> Result<f32, ModelError> {
        self.optional_f32(name)?.ok_or_else(|| ModelError::MissingKey { key: self.key(name) })
    }

    pub(crate) fn positive_or(&self, name: &str, default: f32) -> Result<f32, ModelError> {
        Ok(self.optional_f32(name)?.unwrap_or(default))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, ModelError> {
        Ok(self.header.metadata.str(&self.key(name))?)
    }

    /// Rejects a file with a key of [`VARIANTS`] that the architecture did not read.
    pub(crate) fn refuse_variants(&self, config: &Config) -> Result<(), ModelError> {
        let read = self.read.take();
        for (name, neutral) in VARIANTS {
            let Some(value) = self.header.metadata.get(&self.key(name)).filter(|_| !read.contains(*name))
            else {
                continue;
            };
            let same_rope = name.starts_with("rope.") && numbers(value).eq([f64::from(config.rope_base)]);
            if !same_rope && !numbers(value).all(|number| neutral.contains(&number)) {
                let more = if numbers(value).nth(SHOWN).is_some() { ", ..." } else { "" };
                let shown: Vec<String> =
                    numbers(value).take(SHOWN).map(|number| number.to_string()).collect();
                return Err(self.unsupported(name, shown.join(", ") + more));
            }
        }
        Ok(())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, ModelError> {
        Ok(self.header.metadata.u32(&self.key(name))?)
    }
}

/// Number of elements of an array that an error shows.
const SHOWN: usize = 8;

/// The number or numbers of a value; 0 or 1 for a flag, none for text.
fn numbers(value: &Value) -> Box<dyn Iterator<Item = f64> + '_> {
    match value {
        Value::F32(x) => Box::new([f64::from(*x)].into_iter()),
        Value::F64(x) => Box::new([*x].into_iter()),
        Value::Bool(flag) => Box::new([f64::from(u8::from(*flag))].into_iter()),
        Value::Array(Array::F32(all)) => Box::new(all.iter().map(|x| f64::from(*x))),
        Value::Array(Array::F64(all)) => Box::new(all.iter().copied()),
        Value::Array(all) => {
            Box::new(all.integers().into_iter().flat_map(|all| all.iter()).map(|n| n as f64))
        }
        other => Box::new(other.integer().into_iter().map(|n| n as f64)),
    }
}
