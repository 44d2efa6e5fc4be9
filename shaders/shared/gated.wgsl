// `activation(gate) * up`; ACTIVATION is the number that the host's `activation` returns.
override ACTIVATION: u32;

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-x));
}

// Clamped, because some implementations divide exponentials, which would overflow.
fn safe_tanh(x: f32) -> f32 {
    return tanh(clamp(x, -15.0, 15.0));
}

fn gated(gate: f32, up: f32) -> f32 {
    switch (ACTIVATION) {
        case 1u: { // silu
            return gate / (1.0 + exp(-gate)) * up;
        }
        case 2u: { // gelu
            return 0.5 * gate * (1.0 + safe_tanh(0.7978845608 * (gate + 0.044715 * gate * gate * gate))) * up;
        }
        case 3u: { // relu²
            let g = max(gate, 0.0);
            return g * g * up;
        }
        case 4u: {
            return sigmoid(gate) * up;
        }
        case 5u: { // gpt-oss
            let g = min(gate, 7.0);
            return g * sigmoid(1.702 * g) * (clamp(up, -7.0, 7.0) + 1.0);
        }
        default: {
            return gate * up;
        }
    }
}
