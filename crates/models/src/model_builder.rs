//! Recording a model: its hyperparameters and tensors, and the parts that models share.

use linnet_gguf::Gguf;
use linnet_graph::{Builder, RopeStyle, Value, WeightId};

use crate::config::{Config, Keys};
use crate::layer::{Layer, Norms};
use crate::rope::{self, RopeConfig, RopeParams, Scaling};
use crate::tensors::Tensors;
use crate::{Model, ModelError};

/// A model that is being recorded.
pub(crate) struct ModelBuilder<'a> {
    pub(crate) keys: Keys<'a>,
    pub(crate) config: Config,
    pub(crate) graph: Builder,
    pub(crate) tensors: Tensors<'a>,
    /// Number of recorded layers: all except trailing multi-token prediction layers.
    pub(crate) layers: usize,
}

impl<'a> ModelBuilder<'a> {
    /// Reads the hyperparameters that all architectures have.
    pub(crate) fn new(header: &'a Gguf) -> Result<Self, ModelError> {
        let keys = Keys::new(header)?;
        let config = Config::read(header)?;
        if !keys.flag("attention.causal", true)? {
            return Err(keys.unsupported("attention.causal", "false"));
        }
        let (graph, tensors) = (Builder::new(), Tensors::new(header));
        let predicting = keys.nonzero("nextn_predict_layers")?.unwrap_or(0);
        let layers = config.block_count.saturating_sub(predicting);
        Ok(ModelBuilder { keys, config, graph, tensors, layers })
    }

    /// Ends the recording.
    pub(crate) fn finish(self, logits: Value) -> Result<Model, ModelError> {
        self.keys.refuse_variants(&self.config)?;
        self.tensors.check(self.keys.architecture(), self.layers)?;
        Ok(Model { config: self.config, graph: self.graph.finish(logits)? })
    }

    /// A layer. The names of its parts begin with `blk.<index>.`.
    pub(crate) fn layer(&self, index: usize) -> Layer<'_> {
        self.graph.label(format!("blk.{index}"));
        Layer::new(self, index)
    }

    /// All layers on the residual stream `x`: attention (or its replacement) and the feed-forward part, each added to
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

    /// A required tensor of dimensions `dims`, row length first.
    pub(crate) fn tensor(&self, name: &str, dims: &[usize]) -> Result<WeightId, ModelError> {
        self.tensors.require(&self.graph, name, dims)
    }

    /// An optional tensor.
    pub(crate) fn optional(&self, name: &str, dims: &[usize]) -> Result<Option<WeightId>, ModelError> {
        self.tensors.find(&self.graph, name, dims)
    }

    /// The product of `x` with the matrix `name.weight`, times `name.scale` and plus `name.bias` if they exist.
    pub(crate) fn linear(&self, name: &str, x: Value, outputs: usize) -> Result<Value, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[self.graph.width(x), outputs])?;
        let bias = self.optional(&format!("{name}.bias"), &[outputs])?;
        let scale = self.optional(&format!("{name}.scale"), &[1])?;
        if scale.is_some() && bias.is_some() {
            let architecture = self.keys.architecture().to_owned();
            return Err(ModelError::UnsupportedTensor { architecture, tensor: format!("{name}.scale") });
        }
        Ok(self.graph.scale_by(self.graph.matmul_bias(weight, bias, x), scale))
    }

    /// `x` normalized and multiplied by `name.weight`.
    pub(crate) fn norm(&self, name: &str, x: Value) -> Result<Value, ModelError> {
        let weight = self.tensor(&format!("{name}.weight"), &[self.graph.width(x)])?;
        Ok(self.graph.rms_norm(x, weight, self.config.norm_eps))
    }

    /// The embeddings of the tokens.
    pub(crate) fn embed(&self) -> Result<Value, ModelError> {
        self.graph.label("input");
        // If the table is also the head, `linear` would apply this scale to the logits.
        if self.tensors.has("token_embd.scale") {
            let architecture = self.keys.architecture().to_owned();
            return Err(ModelError::UnsupportedTensor {
                architecture,
                tensor: "token_embd.scale".to_owned(),
            });
        }
        let table =
            self.tensor("token_embd.weight", &[self.config.embedding_length, self.config.vocab_size])?;
        Ok(self.graph.embed(table))
    }

    /// The logits: the final norm and the head, for the requested rows.
    pub(crate) fn head(&self, x: Value) -> Result<Value, ModelError> {
        self.head_with("output_norm", x)
    }

    /// Like [`ModelBuilder::head`], with another name of the norm.
    pub(crate) fn head_with(&self, norm: &str, x: Value) -> Result<Value, ModelError> {
        self.graph.label("output");
        let h = self.norm(norm, self.graph.select_rows(x))?;
        // Without its own head, a model reuses the embedding table.
        let name = if self.tensors.has("output.weight") { "output" } else { "token_embd" };
        self.linear(name, h, self.config.vocab_size)
    }

    /// The rope in the metadata, for heads of the usual size.
    pub(crate) fn rope(&self, style: RopeStyle) -> Result<RopeConfig, ModelError> {
        self.rope_with(self.rope_params(style)?)
    }

    /// The parameters of the rope in the metadata, which layers may change for [`ModelBuilder::rope_with`].
    pub(crate) fn rope_params(&self, style: RopeStyle) -> Result<RopeParams, ModelError> {
        Ok(RopeParams {
            style,
            base: self.config.rope_base,
            scaling: Scaling::read(&self.keys, &self.config)?,
            head_dim: self.config.head_dim,
            rotary_dim: self.config.rotary_dim,
            file_factors: true,
        })
    }

    /// A rope with these parameters.
    pub(crate) fn rope_with(&self, params: RopeParams) -> Result<RopeConfig, ModelError> {
        let factors = match params.file_factors {
            true => rope::factors(&self.keys, &self.config, &self.tensors, &self.graph, params.rotary_dim)?,
            false => None,
        };
        Ok(RopeConfig::new(params, factors))
    }

    /// Which layers have a sliding window, and its size; `None` if the model has none. Without a pattern in the file,
    /// all layers but the last of each `period` have one.
    pub(crate) fn windows(
        &self,
        size: Option<usize>,
        period: usize,
    ) -> Result<Vec<Option<usize>>, ModelError> {
        let size = self.keys.nonzero("attention.sliding_window")?.or(size);
        let name = "attention.sliding_window_pattern";
        let flags = match self.keys.flags(name, self.config.block_count)? {
            Some(flags) => flags,
            None => {
                let period = self.keys.size_or(name, period)?;
                (0..self.config.block_count).map(|i| i % period < period - 1).collect()
            }
        };
        Ok(flags.into_iter().map(|windowed| size.filter(|_| windowed)).collect())
    }
}
