//! Rope from metadata: bases, partial rotation, scaling, factors.

use std::f64::consts::TAU;

use linnet_graph::{Builder, Rope, RopeFactors, RopeStyle, Value};

use crate::ModelError;
use crate::config::{Config, Keys};
use crate::tensors::Tensors;

/// How a model supports contexts longer than the trained one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Scaling {
    /// No scaling, or divisors of the frequencies (`rope_freqs`, LongRoPE); the number multiplies the rotated elements.
    None(f32),
    /// All angles divided by a number (Chen et al., 2023).
    Linear(f32),
    /// By frequency (Peng et al., YaRN, 2023).
    Yarn(Yarn),
}

/// Parameters of YaRN.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Yarn {
    factor: f32,
    original: usize,
    beta_fast: f32,
    beta_slow: f32,
    /// How much of the correction is applied.
    extrapolation: f32,
    magnitude: f32,
}

impl Scaling {
    /// From the keys `rope.scaling.*`.
    pub(crate) fn read(keys: &Keys<'_>, config: &Config) -> Result<Self, ModelError> {
        // Older files have another key for the factor of linear scaling.
        let linear = keys.positive_or("rope.scale_linear", 1.0)?;
        let factor = keys.positive_or("rope.scaling.factor", linear)?;
        let magnitude = keys.positive_or("rope.scaling.attn_factor", 1.0)?;
        match keys.text("rope.scaling.type")? {
            Some("none") => Ok(Scaling::None(magnitude)),
            None | Some("linear" | "longrope") if factor == 1.0 => Ok(Scaling::None(magnitude)),
            None | Some("linear") if magnitude == 1.0 => Ok(Scaling::Linear(factor)),
            Some("yarn") => {
                // As in transformers: the logarithm compensates for the flatter softmax, relative to that of
                // `mscale_all_dim` if the model was trained with one.
                let logarithm = |scale: f32| if factor > 1.0 { 0.1 * scale * factor.ln() + 1.0 } else { 1.0 };
                let all = keys.float("rope.scaling.yarn_log_multiplier", 0.0)?;
                Ok(Scaling::Yarn(Yarn {
                    factor,
                    original: original_context(keys, config)?,
                    beta_fast: keys.positive_or("rope.scaling.yarn_beta_fast", 32.0)?,
                    beta_slow: keys.positive_or("rope.scaling.yarn_beta_slow", 1.0)?,
                    extrapolation: keys.float("rope.scaling.yarn_ext_factor", 1.0)?,
                    magnitude: magnitude * logarithm(1.0) / logarithm(all),
                }))
            }
            Some(other) => Err(keys.unsupported("rope.scaling.type", other)),
            None => Err(keys.unsupported("rope.scaling.attn_factor", magnitude.to_string())),
        }
    }

    fn magnitude(self) -> f32 {
        match self {
            Scaling::None(magnitude) => magnitude,
            Scaling::Linear(_) => 1.0,
            Scaling::Yarn(yarn) => yarn.magnitude,
        }
    }

    /// `base^(-2i / rotary_dim)` for each pair `i`, scaled.
    fn frequencies(self, base: f32, rotary_dim: usize) -> Vec<f32> {
        let (base, dims) = (f64::from(base), rotary_dim as f64);
        let scale = |i: usize| match self {
            Scaling::None(_) => 1.0,
            Scaling::Linear(factor) => 1.0 / f64::from(factor),
            Scaling::Yarn(yarn) => yarn.scale(i, base, dims),
        };
        (0..rotary_dim / 2).map(|i| (base.powf(-2.0 * i as f64 / dims) * scale(i)) as f32).collect()
    }
}

impl Yarn {
    /// Factor of the frequency of pair `i`: 1 for pairs that rotate often within the trained context, `1 / factor` for
    /// those that do not complete a rotation, and a ramp in between. The ramp's ends are whole numbers, as in
    /// llama.cpp.
    fn scale(self, i: usize, base: f64, dims: f64) -> f64 {
        let pair =
            |turns: f32| dims * (self.original as f64 / (f64::from(turns) * TAU)).ln() / (2.0 * base.ln());
        let low = pair(self.beta_fast).floor().max(0.0);
        let high = pair(self.beta_slow).ceil().min(dims - 1.0);
        let ramp = 1.0 - ((i as f64 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
        let (interpolated, mix) = (1.0 / f64::from(self.factor), ramp * f64::from(self.extrapolation));
        interpolated * (1.0 - mix) + mix
    }
}

/// The context length of the original training.
pub(crate) fn original_context(keys: &Keys<'_>, config: &Config) -> Result<usize, ModelError> {
    keys.size_or("rope.scaling.original_context_length", config.context_length)
}

/// The file's divisors of the frequencies.
pub(crate) fn factors(
    keys: &Keys<'_>,
    config: &Config,
    tensors: &Tensors<'_>,
    builder: &Builder,
    rotary_dim: usize,
) -> Result<Option<RopeFactors>, ModelError> {
    let find = |name: &str| tensors.find(builder, name, &[rotary_dim / 2]);
    if let Some(factors) = find("rope_freqs.weight")? {
        return Ok(Some(RopeFactors::Fixed(factors)));
    }
    match (find("rope_factors_short.weight")?, find("rope_factors_long.weight")?) {
        (Some(short), Some(long)) => {
            let limit = original_context(keys, config)?;
            Ok(Some(RopeFactors::ByContext { short, long, limit }))
        }
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ModelError::MissingTensor { tensor: "rope_factors_short.weight".to_owned() }),
        (Some(_), None) => Err(ModelError::MissingTensor { tensor: "rope_factors_long.weight".to_owned() }),
    }
}

/// The parameters of a rope.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct RopeParams {
    pub(crate) style: RopeStyle,
    /// Base of the frequencies.
    pub(crate) base: f32,
    pub(crate) scaling: Scaling,
    pub(crate) head_dim: usize,
    /// Elements of a head that are rotated.
    pub(crate) rotary_dim: usize,
    /// Whether the file's divisors of the frequencies apply.
    pub(crate) file_factors: bool,
}

/// How the heads of some layers are rotated.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct RopeConfig {
    rope: Rope,
}

impl RopeConfig {
    pub(crate) fn new(params: RopeParams, factors: Option<RopeFactors>) -> Self {
        let RopeParams { style, base, scaling, head_dim, rotary_dim, .. } = params;
        let frequencies = scaling.frequencies(base, rotary_dim);
        let rope = Rope { heads: 0, head_dim, style, frequencies, factors, magnitude: scaling.magnitude() };
        RopeConfig { rope }
    }

    /// Rotates every head of `x`.
    pub(crate) fn apply(&self, graph: &Builder, x: Value) -> Value {
        let heads = graph.width(x) / self.rope.head_dim.max(1);
        graph.rope(x, Rope { heads, ..self.rope.clone() })
    }
}
