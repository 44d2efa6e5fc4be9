//! What the model files are written with: a file's hyperparameters and tensors, and the parts that models share.

use linnet_gguf::Gguf;
use linnet_graph::{Builder, RopeStyle, Value, WeightId};

use crate::config::{Config, Keys};
use crate::layer::{Layer, Norms};
use crate::rope::{self, Scaling, Turn};
use crate::tensors::Tensors;
use crate::{Model, ModelError};

/// A model that is being recorded.
pub(crate) struct Draft<'a> {
    pub(crate) keys: Keys<'a>,
    pub(crate) c: Config,
    pub(crate) g: Builder,
    pub(crate) t: Tensors<'a>,
    /// Layers that are recorded: all but the last ones, for predicting several tokens at once, where there are such.
    pub(crate) layers: usize,
}

impl<'a> Draft<'a> {
    /// Reads what all architectures have.
    pub(crate) fn new(header: &'a Gguf) -> Result<Self, ModelError> {
        let keys = Keys::new(header)?;
        let c = Config::read(header)?;
        if !keys.flag("attention.causal", true)? {
            return Err(keys.unsupported("attention.causal", "false"));
        }
        let (g, t) = (Builder::new(), Tensors::new(header));
        let ahead = keys.nonzero("nextn_predict_layers")?.unwrap_or(0);
        Ok(Draft { keys, layers: c.block_count.saturating_sub(ahead), c, g, t })
    }

    /// Ends the recording.
    pub(crate) fn finish(self, logits: Value) -> Result<Model, ModelError> {
        self.keys.refuse_variants(&self.c)?;
        self.t.check(self.keys.architecture(), self.layers)?;
        Ok(Model { config: self.c, graph: self.g.finish(logits)? })
    }

    /// A layer, whose parts' names begin with `blk.<index>.`.
    pub(crate) fn layer(&self, index: usize) -> Layer<'_> {
        self.g.label(format!("blk.{index}"));
        Layer::new(self, index)
    }

    /// All layers on the residual stream `x`: attention (or what is in its place) and the feed-forward part, each added to
    /// its input.
    pub(crate) fn layers(
        &self,
        mut x: Value,
        norms: Norms,
        attention: impl Fn(&Layer<'_>, Value) -> Result<Value, ModelError>,
        feed_forward: impl Fn(&Layer<'_>, Value) -> Result<Value, ModelError>,
    ) -> Result<Value, ModelError> {
        for index in 0..self.layers {
            let layer = self.layer(index);
            x = layer.residual(x, norms.attention, &attention)?;
            x = layer.residual(x, norms.feed_forward, &feed_forward)?;
        }
        Ok(x)
    }

    /// A tensor that must be there, of dimensions `dims`, row length first.
    pub(crate) fn tensor(&self, name: &str, dims: &[usize]) -> Result<WeightId, ModelError> {
        self.t.require(&self.g, name, dims)
    }

    /// A tensor that may be there.
    pub(crate) fn optional(&self, name: &str, dims: &[usize]) -> Result<Option<WeightId>, ModelError> {
        self.t.find(&self.g, name, dims)
    }

    /// The product of `x` with the matrix `name.weight`, times `name.scale` and plus `name.bias` where there are these.
    pub(crate) fn linear(&self, name: &str, x: Value, outputs: usize) -> Result<Value, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[self.g.width(x), outputs])?;
        let bias = self.optional(&format!("{name}.bias"), &[outputs])?;
        let scale = self.optional(&format!("{name}.scale"), &[1])?;
        if scale.is_some() && bias.is_some() {
            let architecture = self.keys.architecture().to_owned();
            return Err(ModelError::UnsupportedTensor { architecture, tensor: format!("{name}.scale") });
        }
        Ok(self.g.scale_by(self.g.matmul_bias(weight, bias, x), scale))
    }

    /// `x` normalised and multiplied with `name.weight`.
    pub(crate) fn norm(&self, name: &str, x: Value) -> Result<Value, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[self.g.width(x)])?;
        Ok(self.g.rms_norm(x, weight, self.c.norm_eps))
    }

    /// The embeddings of the tokens.
    pub(crate) fn embed(&self) -> Result<Value, ModelError> {
        self.g.label("input");
        // Where the table is the head, too, its scale would be read there.
        if self.t.has("token_embd.scale") {
            let architecture = self.keys.architecture().to_owned();
            return Err(ModelError::UnsupportedTensor {
                architecture,
                tensor: "token_embd.scale".to_owned(),
            });
        }
        let table = self.tensor("token_embd.weight", &[self.c.embedding_length, self.c.vocab_size])?;
        Ok(self.g.embed(table))
    }

    /// The logits: the final norm and the head of the rows that are wanted.
    pub(crate) fn head(&self, x: Value) -> Result<Value, ModelError> {
        self.head_with("output_norm", x)
    }

    /// [`Draft::head`] with another name of the norm.
    pub(crate) fn head_with(&self, norm: &str, x: Value) -> Result<Value, ModelError> {
        self.g.label("output");
        let h = self.norm(norm, self.g.select_rows(x))?;
        // Without a head of its own a model reuses its embedding table.
        let name = if self.t.has("output.weight") { "output" } else { "token_embd" };
        self.linear(name, h, self.c.vocab_size)
    }

    /// The rope that the metadata describes, for heads of the usual size.
    pub(crate) fn rope(&self, style: RopeStyle) -> Result<Turn, ModelError> {
        let scaling = Scaling::read(&self.keys, &self.c)?;
        self.rope_with(style, (self.c.rope_base, scaling), (self.c.head_dim, self.c.rotary_dim), true)
    }

    /// A rope of another base, scaling or size, with or without the file's factors.
    pub(crate) fn rope_with(
        &self,
        style: RopeStyle,
        frequencies: (f32, Scaling),
        (head_dim, rotary_dim): (usize, usize),
        factors: bool,
    ) -> Result<Turn, ModelError> {
        let factors =
            if factors { rope::factors(&self.keys, &self.c, &self.t, &self.g, rotary_dim)? } else { None };
        Ok(Turn::new(style, frequencies, (head_dim, rotary_dim), factors))
    }

    /// Which layers see only a window, and its size; `None` where the model has none. Without a pattern in the file, all
    /// but the last of each `period` layers do.
    pub(crate) fn windows(
        &self,
        size: Option<usize>,
        period: usize,
    ) -> Result<Vec<Option<usize>>, ModelError> {
        let size = self.keys.nonzero("attention.sliding_window")?.or(size);
        let name = "attention.sliding_window_pattern";
        let flags = match self.keys.flags(name, self.c.block_count)? {
            Some(flags) => flags,
            None => {
                let period = self.keys.size_or(name, period)?;
                (0..self.c.block_count).map(|i| i % period < period - 1).collect()
            }
        };
        Ok(flags.into_iter().map(|windowed| size.filter(|_| windowed)).collect())
    }
}
