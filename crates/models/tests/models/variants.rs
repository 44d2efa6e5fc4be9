//! Files of unknown variants of an architecture are rejected with the name of the unknown key or tensor.

use linnet_gguf::{Array, HeaderParser, TensorInfo, Value};
use linnet_graph::Op;
use linnet_models::{ModelError, record};

use crate::file::File;

/// The key or tensor in the error, without the architecture.
fn refused_for(file: File) -> String {
    match file.error() {
        ModelError::UnsupportedVariant { key, .. } => key,
        ModelError::UnsupportedTensor { tensor, .. } => tensor,
        other => panic!("{other}"),
    }
}

/// A mixture of two experts, one of them used, instead of the second layer's feed-forward part.
fn mixture() -> File {
    let file =
        File::new().set("llama.expert_count", Value::U32(2)).set("llama.expert_used_count", Value::U32(1));
    (0..2).fold(file, |file, layer| {
        let dense = ["ffn_gate", "ffn_up", "ffn_down"].iter();
        dense
            .fold(file, |file, part| file.without(&format!("blk.{layer}.{part}")))
            .tensor(&format!("blk.{layer}.ffn_gate_inp"), &[64, 2])
            .tensor(&format!("blk.{layer}.ffn_gate_exps"), &[64, 96, 2])
            .tensor(&format!("blk.{layer}.ffn_up_exps"), &[64, 96, 2])
            .tensor(&format!("blk.{layer}.ffn_down_exps"), &[96, 64, 2])
    })
}

fn fused_mixture() -> File {
    (0..2).fold(mixture(), |file, layer| {
        let file = file.without(&format!("blk.{layer}.ffn_gate_exps"));
        file.without(&format!("blk.{layer}.ffn_up_exps"))
            .tensor(&format!("blk.{layer}.ffn_gate_up_exps"), &[64, 192, 2])
    })
}

#[test]
fn keys_that_change_the_computation_are_not_passed_over() {
    let text = |text: &str| Value::String(text.into());
    let per_layer = |numbers: [u32; 2]| Value::Array(Array::U32(numbers.to_vec()));
    for (key, value) in [
        ("llama.attention.clamp_kqv", Value::F32(8.0)),
        ("llama.attention.causal", Value::Bool(false)),
        ("llama.attention.temperature_scale", Value::F32(0.1)),
        ("llama.attention.kv_lora_rank", Value::U32(512)),
        ("llama.attention.chunk_size", Value::U32(8192)),
        ("llama.attention.value_length", Value::U32(8)),
        ("llama.attn_logit_softcapping", Value::F32(50.0)),
        ("llama.final_logit_softcapping", Value::F32(30.0)),
        ("llama.embedding_scale", Value::F32(12.0)),
        ("llama.residual_scale", Value::F32(0.22)),
        ("llama.logit_scale", Value::F32(8.0)),
        ("llama.pooling_type", Value::U32(3)),
        ("llama.rope.dimension_sections", Value::Array(Array::I32(vec![4, 2, 2, 0]))),
        ("llama.rope.freq_base_swa", Value::F32(1e6)),
        ("llama.rope.local.freq_base", Value::F32(1e6)),
        ("llama.rope.scaling.type", text("dynamic")),
        ("llama.use_parallel_residual", Value::Bool(true)),
        ("llama.attention.head_count", per_layer([4, 2])),
        ("llama.attention.head_count_kv", per_layer([2, 0])),
        ("llama.feed_forward_length", per_layer([96, 0])),
        ("general.type", text("adapter")),
    ] {
        assert_eq!(refused_for(File::new().set(key, value)), key);
    }
    for (key, value) in [
        ("llama.expert_gating_func", Value::U32(4)),
        ("llama.expert_shared_count", Value::U32(1)),
        ("llama.expert_group_count", Value::U32(8)),
        ("llama.leading_dense_block_count", Value::U32(1)),
        ("llama.interleave_moe_layer_step", Value::U32(2)),
        ("llama.router_logit_softcapping", Value::F32(30.0)),
    ] {
        assert_eq!(refused_for(mixture().set(key, value)), key);
    }
    // An architecture without experts has none in any file.
    let dense = mixture().without("llama.expert_count").without("llama.expert_used_count");
    assert_eq!(refused_for(dense), "blk.0.ffn_gate_inp.weight");
}

#[test]
fn values_that_change_nothing_are_no_variant() {
    let plain = record(&File::new().header()).unwrap().graph;
    for (key, value) in [
        ("llama.attention.clamp_kqv", Value::F32(0.0)),
        ("llama.attention.causal", Value::Bool(true)),
        ("llama.attention.scale", Value::F32(0.0)),
        ("llama.expert_count", Value::U32(0)),
        ("llama.pooling_type", Value::U32(0)),
        ("llama.rope.dimension_sections", Value::Array(Array::I32(vec![0; 4]))),
        ("llama.rope.freq_base_swa", Value::F32(10_000.0)),
        ("llama.residual_scale", Value::F32(1.0)),
        ("llama.use_parallel_residual", Value::Bool(false)),
        ("llama.attention.head_count", Value::Array(Array::I32(vec![4, 4]))),
        ("llama.attention.sliding_window", Value::U32(4096)),
        ("general.type", Value::String("model".into())),
    ] {
        assert_eq!(record(&File::new().set(key, value).header()).unwrap().graph, plain, "{key}");
    }
}

#[test]
fn tensors_that_nothing_reads_are_not_passed_over() {
    for (name, dims) in [
        ("output_norm.bias", vec![64]),
        ("output.scale", vec![1]),
        ("token_embd.scale", vec![1]),
        ("token_embd_norm", vec![64]),
        ("position_embd", vec![64, 128]),
        ("cls.output", vec![64, 2]),
        ("blk.0.attn_norm.bias", vec![64]),
        ("blk.1.attn_sub_norm", vec![64]),
        ("blk.1.post_attention_norm", vec![64]),
        ("blk.1.attn_sinks", vec![4]),
        ("blk.1.ffn_gate_shexp", vec![64, 96]),
        ("blk.0.attn_q.weight.lora_a", vec![64, 4]),
    ] {
        let full = if name.ends_with(".bias") || name.ends_with(".scale") { "" } else { ".weight" };
        assert_eq!(refused_for(File::new().tensor(name, &dims)), format!("{name}{full}"));
    }
    assert_eq!(
        refused_for(mixture().tensor("blk.1.ffn_down_exps.scale", &[2])),
        "blk.1.ffn_down_exps.scale",
        "a scale for each expert"
    );
    for name in ["v.blk.0.attn_q", "mm.0", "a.conv1d.0", "blk.0.attn_rot_embd", "blk.2.attn_q"] {
        let nextn = File::new().tensor(name, &[64]);
        assert!(record(&nextn.header()).is_ok(), "{name}");
    }
}

/// A variant has other tensors instead of the expected ones. The error names an unknown one, which is more informative
/// than a missing one.
#[test]
fn a_variant_is_named_before_what_it_lacks() {
    let merged =
        File::new().without("blk.0.attn_k").without("blk.0.attn_v").tensor("blk.0.attn_kv", &[64, 64]);
    assert_eq!(refused_for(merged), "blk.0.attn_kv.weight");
    let one_by_one = mixture().without("blk.1.ffn_gate_exps").tensor("blk.1.ffn_gate.0", &[64, 96]);
    assert_eq!(refused_for(one_by_one), "blk.1.ffn_gate.0.weight");
    let dense_first = mixture().without("blk.0.ffn_gate_inp").tensor("blk.0.ffn_up", &[64, 96]);
    assert_eq!(refused_for(dense_first), "blk.0.ffn_up.weight");
    let lacking = File::new().without("blk.1.ffn_up").without("blk.1.attn_v").error();
    assert_eq!(lacking, ModelError::MissingTensor { tensor: "blk.1.attn_v.weight".into() }, "the first one");
}

#[test]
fn biases_and_scales_are_taken_wherever_they_are() {
    for (name, outputs) in
        [("attn_q", 64), ("attn_k", 32), ("attn_v", 32), ("attn_output", 64), ("ffn_down", 64)]
    {
        let biased = record(&File::new().tensor(&format!("blk.1.{name}.bias"), &[outputs]).header()).unwrap();
        assert!(biased.graph.weights.iter().any(|w| w.name == format!("blk.1.{name}.bias") && w.uses.vector));
        let scaled = record(&File::new().tensor(&format!("blk.1.{name}.scale"), &[1]).header()).unwrap();
        assert!(scaled.graph.weights.iter().any(|w| w.name == format!("blk.1.{name}.scale")));
        let both = File::new().tensor(&format!("blk.1.{name}.scale"), &[1]);
        let both = both.tensor(&format!("blk.1.{name}.bias"), &[outputs]);
        assert_eq!(refused_for(both), format!("blk.1.{name}.scale"));
    }
}

#[test]
fn experts_have_gate_and_up_in_two_matrices_or_in_one() {
    let products = |file: File| {
        let nodes = record(&file.header()).unwrap().graph.nodes;
        nodes.iter().filter(|n| matches!(n.op, Op::ExpertMatMul(_))).count()
    };
    assert_eq!((products(mixture()), products(fused_mixture())), (6, 4));
    let wrong = fused_mixture().tensor("blk.1.ffn_gate_up_exps", &[64, 96, 2]).error();
    assert!(matches!(wrong, ModelError::TensorShape { .. }), "{wrong}");
    assert_eq!(
        refused_for(fused_mixture().tensor("blk.1.ffn_up_exps", &[64, 96, 2])),
        "blk.1.ffn_up_exps.weight",
        "one or the other"
    );
}

#[test]
fn the_weights_of_experts_are_scaled_and_normalized_as_the_file_says() {
    let router = |file: File| {
        let nodes = record(&file.header()).unwrap().graph.nodes;
        nodes
            .into_iter()
            .find_map(|n| if let Op::Router(router) = n.op { Some(router) } else { None })
            .unwrap()
    };
    let file = mixture()
        .set("llama.expert_weights_scale", Value::F32(2.5))
        .set("llama.expert_weights_norm", Value::Bool(false));
    assert_eq!((router(mixture()).scale, router(mixture()).normalize), (1.0, true));
    assert_eq!(
        (router(file).scale, router(mixture().set("llama.expert_weights_scale", Value::F32(0.0))).scale),
        (2.5, 1.0)
    );
}

#[test]
fn layers_that_share_keys_and_values_may_have_idle_matrices_for_their_own() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/tiny/gemma4/model.gguf");
    let bytes = std::fs::read(path).expect("a fixture");
    let mut header = HeaderParser::new().push(&bytes).expect("a header").expect("a whole one");
    let without = record(&header).expect("a model");
    // The last two of the six layers read the caches of earlier ones.
    for part in ["attn_k.weight", "attn_v.weight", "attn_k_norm.weight"] {
        let tensor = header.tensors.iter().find(|t| t.name == format!("blk.3.{part}")).expect("its own");
        let (name, tensor) = (format!("blk.5.{part}"), tensor.clone());
        header.tensors.push(TensorInfo { name, ..tensor });
    }
    let with = record(&header).expect("the same model");
    assert_eq!(with.graph.weights.len(), without.graph.weights.len(), "an unread tensor takes no memory");
}
