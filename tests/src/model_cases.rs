//! Small whole models: all fusions, the memory plan and the order of nodes together.

use linnet_graph::{Attention, Rope, RopeStyle, Value};
use linnet_quant::DType;

use crate::case::{Case, Recorder, VOCABULARY};

/// Rounding of the f16 cache, through two layers.
const MODEL: f64 = 1e-5;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        model([DType::Q4_1, DType::Q4_1, DType::Q8_0], RopeStyle::Interleaved, false),
        model([DType::Q4_K, DType::Q6_K, DType::Q6_K], RopeStyle::Halves, false),
        model([DType::F16, DType::F16, DType::F16], RopeStyle::Interleaved, false),
        model([DType::Q5_0, DType::Q8_0, DType::Q8_0], RopeStyle::Halves, true),
    ]
}

/// The formats of most matrices, of `v` and `down`, and of the table. With `around`, each part of a layer has
/// norms, and the embedding is scaled.
fn model([matrices, finer, table]: [DType; 3], style: RopeStyle, around: bool) -> Case {
    let (width, heads, kv_heads, head_dim, hidden) = (256, 4, 2, 32, 512);
    let r = Recorder::new(format!("model of {matrices}, {finer}, {table}"));
    let token_embd = r.weight(table, VOCABULARY, width, 1.0);
    let frequencies: Vec<f32> = (0..16).map(|i| 1000_f32.powf(-(i as f32) / 16.0)).collect();
    let rope = |x: Value, heads| {
        r.g.rope(
            x,
            Rope { heads, head_dim, style, frequencies: frequencies.clone(), factors: None, magnitude: 1.0 },
        )
    };

    let after = |x: Value| if around { r.g.rms_norm(x, r.vector(width), 1e-5) } else { x };
    let mut x = r.g.scale(r.g.embed(token_embd), if around { 1.6 } else { 1.0 });
    for _ in 0..2 {
        let h = r.g.rms_norm(x, r.vector(width), 1e-5);
        let q = rope(r.g.matmul(r.matrix(matrices, heads * head_dim, width), h), heads);
        let k = rope(r.g.matmul(r.matrix(matrices, kv_heads * head_dim, width), h), kv_heads);
        let v = r.g.matmul(r.matrix(finer, kv_heads * head_dim, width), h);
        let layer = r.g.kv_layer(kv_heads, head_dim);
        r.g.store_kv(layer, k, v);
        let a = r.g.attention(q, Attention::new(layer, [heads, kv_heads], head_dim, 0.177));
        // The input is narrower than a 256-element block of some formats, so the output projection is Q8_0.
        x = r.g.add(x, after(r.g.matmul(r.matrix(DType::Q8_0, width, heads * head_dim), a)));
        let h = r.g.rms_norm(x, r.vector(width), 1e-5);
        let gate = r.g.matmul(r.matrix(matrices, hidden, width), h);
        let y = r.g.swiglu(gate, r.g.matmul(r.matrix(matrices, hidden, width), h));
        x = r.g.add(x, after(r.g.matmul(r.matrix(finer, width, hidden), y)));
    }
    let h = r.g.rms_norm(r.g.select_rows(x), r.vector(width), 1e-5);
    let logits = r.g.matmul(token_embd, h);
    r.case_of_logits(logits, vec![(0, 33), (33, 1), (34, 1), (35, 8), (20, 1), (21, 22)], MODEL)
}
