//! Recording `llama` from generated headers: the graph of a valid one, and the errors of invalid ones.

use linnet_gguf::Value;
use linnet_graph::{Op, RopeFactors, fuse};
use linnet_models::{ModelError, record};

use crate::file::File;

#[test]
fn a_layer_fuses_to_the_expected_nodes() {
    let model = record(&File::new().header()).unwrap();
    assert_eq!((model.config.head_dim, model.config.rotary_dim, model.config.vocab_size), (16, 16, 32));
    let dump = fuse(model.graph).to_string();
    let first_layer: Vec<&str> = dump.lines().filter(|l| l.ends_with("// blk.0")).collect();
    assert_eq!(
        first_layer,
        [
            "%2, %3, %4: [n, 64 | 32 | 32] = matmul %0 norm(blk.0.attn_norm.weight eps=0.00001) \
             blk.0.attn_q.weight:F32 blk.0.attn_k.weight:F32 blk.0.attn_v.weight:F32  // blk.0",
            "%5: [n, 64] = rope %2 4x16 Interleaved  // blk.0",
            "%6: [n, 32] = rope %3 2x16 Interleaved  // blk.0",
            "store_kv %6, %4 layer=0  // blk.0",
            "%7: [n, 64] = attention %5 layer=0 4/2x16 scale=0.25  // blk.0",
            "%9: [n, 64] = matmul %7, %0 blk.0.attn_output.weight:F32 +residual  // blk.0",
            "%13: [n, 96] = matmul %9 norm(blk.0.ffn_norm.weight eps=0.00001) blk.0.ffn_gate.weight:F32 \
             blk.0.ffn_up.weight:F32 gated(Silu)  // blk.0",
            "%15: [n, 64] = matmul %13, %9 blk.0.ffn_down.weight:F32 +residual  // blk.0",
        ]
    );
}

#[test]
fn the_head_is_the_embedding_table_unless_the_file_has_one() {
    let embed_uses = |file: File| {
        let graph = record(&file.header()).unwrap().graph;
        let table = graph.weights.iter().find(|w| w.name == "token_embd.weight").unwrap();
        (table.uses.rows, table.uses.matrix)
    };
    assert_eq!(embed_uses(File::new()), (true, true));
    assert_eq!(embed_uses(File::new().tensor("output", &[64, 32])), (true, false));
}

#[test]
fn linear_scaling_and_factors_reach_the_rope() {
    let rope = |file: File| {
        let graph = record(&file.header()).unwrap().graph;
        graph.nodes.iter().find_map(|n| if let Op::Rope(r) = &n.op { Some(r.clone()) } else { None }).unwrap()
    };
    let plain = rope(File::new());
    assert_eq!(plain.frequencies[..2], [1.0, 10_000f64.powf(-0.125) as f32]);
    let scaled = rope(
        File::new()
            .set("llama.rope.scaling.type", Value::String("linear".into()))
            .set("llama.rope.scaling.factor", Value::F32(4.0)),
    );
    assert_eq!(scaled.frequencies[0], 0.25);
    assert!(plain.factors.is_none());
    let far = rope(File::new().set("llama.rope.global.freq_base", Value::F32(1e6)));
    assert_eq!(far.frequencies[..2], [1.0, 1e6f64.powf(-0.125) as f32]);
    assert!(rope(File::new().tensor("rope_freqs", &[8])).factors.is_some());
}

#[test]
fn what_cannot_be_run_is_named() {
    let architecture = |name: &str| Value::String(name.into());
    assert!(matches!(
        File::new().set("general.architecture", architecture("mamba")).error(),
        ModelError::UnsupportedArchitecture { architecture } if architecture == "mamba"
    ));
    let experts = File::new()
        .set("llama.expert_count", Value::U32(8))
        .set("llama.expert_used_count", Value::U32(2))
        .set("llama.expert_gating_func", Value::U32(7));
    assert!(matches!(
        experts.error(),
        ModelError::UnsupportedVariant { key, value, .. } if key == "llama.expert_gating_func" && value == "7"
    ));
    assert!(matches!(
        File::new().set("llama.rope.scaling.type", architecture("su")).error(),
        ModelError::UnsupportedVariant { value, .. } if value == "su"
    ));
    assert!(matches!(
        File::new().set("llama.attention.causal", Value::Bool(false)).error(),
        ModelError::UnsupportedVariant { key, .. } if key == "llama.attention.causal"
    ));
    // A tensor that is not read: the file's architecture differs from ours.
    assert!(matches!(
        File::new().tensor("blk.1.attn_q_norm", &[16]).error(),
        ModelError::UnsupportedTensor { tensor, .. } if tensor == "blk.1.attn_q_norm.weight"
    ));
}

#[test]
fn contradictions_are_errors() {
    assert!(matches!(File::new().without("llama.block_count").error(), ModelError::MissingKey { .. }));
    assert!(matches!(File::new().without("blk.1.ffn_up").error(), ModelError::MissingTensor { .. }));
    assert!(matches!(File::new().tensor("blk.1.ffn_up", &[96, 64]).error(), ModelError::TensorShape { .. }));
    for (key, value) in [
        ("llama.attention.head_count_kv", Value::U32(3)),
        ("llama.attention.head_count", Value::U32(0)),
        ("llama.attention.head_count", Value::U32(128)),
        ("llama.block_count", Value::U32(u32::MAX)),
        ("llama.rope.dimension_count", Value::U32(15)),
        ("llama.rope.dimension_count", Value::U32(32)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(f32::NAN)),
        ("llama.rope.freq_base", Value::F32(-1.0)),
    ] {
        let error = File::new().set(key, value).error();
        assert!(matches!(&error, ModelError::BadValue { key: k, .. } if k == key), "{key}: {error}");
    }
    let error = File::new().set("llama.block_count", Value::String("two".into())).error();
    assert!(matches!(error, ModelError::Metadata(_)));
}

#[test]
fn yarn_and_factors_by_context_reach_the_rope() {
    let rope = |file: File| {
        let graph = record(&file.header()).unwrap().graph;
        graph.nodes.iter().find_map(|n| if let Op::Rope(r) = &n.op { Some(r.clone()) } else { None }).unwrap()
    };
    let yarn = rope(
        File::new()
            .set("llama.rope.scaling.type", Value::String("yarn".into()))
            .set("llama.rope.scaling.factor", Value::F32(8.0))
            .set("llama.rope.scaling.original_context_length", Value::U32(64)),
    );
    let plain = rope(File::new());
    // The first pair turns ten times within 64 positions, the last a hundredth of a turn.
    assert!(yarn.frequencies[0] > 0.5 * plain.frequencies[0] && yarn.frequencies[0] <= plain.frequencies[0]);
    assert!((yarn.frequencies[7] * 8.0 / plain.frequencies[7] - 1.0).abs() < 1e-6);
    assert!((yarn.magnitude - (0.1 * 8f32.ln() + 1.0)).abs() < 1e-6);

    let long = rope(
        File::new()
            .set("llama.rope.scaling.original_context_length", Value::U32(64))
            .tensor("rope_factors_short", &[8])
            .tensor("rope_factors_long", &[8]),
    );
    let Some(factors @ RopeFactors::ByContext { short, long, limit: 64 }) = long.factors else {
        panic!("{:?}", long.factors)
    };
    assert_eq!((factors.of_context(64), factors.of_context(65)), (short, long));
}
