//! Rope frequencies from metadata.

use crate::ModelError;
use crate::config::{Config, Keys};

/// `base^(-2i / rotary_dim)` for each pair `i`, divided by the factor of linear position interpolation
/// (`rope.scaling.type` = `linear`; Chen et al., 2023) where the file has one.
pub(crate) fn frequencies(keys: &Keys<'_>, config: &Config) -> Result<Vec<f32>, ModelError> {
    let factor = match keys.text("rope.scaling.type")? {
        None | Some("none") => 1.0,
        Some("linear") => keys.positive_or("rope.scaling.factor", 1.0)?,
        Some(other) => return Err(keys.unsupported("rope.scaling.type", other)),
    };
    let exponent = -2.0 / config.rotary_dim as f64;
    let frequency = |i| f64::from(config.rope_base).powf(exponent * i as f64) / f64::from(factor);
    Ok((0..config.rotary_dim / 2).map(|i| frequency(i) as f32).collect())
}
