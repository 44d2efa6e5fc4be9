/// The activation of a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// The gate itself.
    Identity,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`.
    Gelu,
    /// The square of `max(x, 0)`.
    Relu2,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// That of gpt-oss: both sides clamped, a steeper logistic function of the gate, and 1 added to `up`.
    ClampedSwiGlu,
}

/// Oracle of `gated`: `activation(gate) * up`, element by element.
///
/// Shazeer, GLU Variants Improve Transformer, 2020; gpt-oss: its reference implementation's `swiglu`.
pub fn gated(activation: Activation, gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut y = Vec::new();
    for i in 0..gate.len() {
        let (g, u) = (f64::from(gate[i]), f64::from(up[i]));
        y.push(match activation {
            Activation::Identity => g * u,
            Activation::Silu => g / (1.0 + (-g).exp()) * u,
            Activation::Gelu => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (g + 0.044715 * g * g * g);
                0.5 * g * (1.0 + inner.tanh()) * u
            }
            Activation::Relu2 => g.max(0.0) * g.max(0.0) * u,
            Activation::Sigmoid => u / (1.0 + (-g).exp()),
            Activation::ClampedSwiGlu => {
                let (g, u) = (g.min(7.0), u.clamp(-7.0, 7.0));
                g / (1.0 + (-1.702 * g).exp()) * (u + 1.0)
            }
        } as f32);
    }
    y
}
