//! Which layers have a window, and which of them apply rope.

use linnet_gguf::{Gguf, HeaderWriter, Value};
use linnet_graph::{Graph, Op};
use linnet_models::record;
use linnet_quant::DType;

/// An `exaone4` file with this many layers and further metadata.
fn exaone4(layers: u32, more: &[(&str, Value)]) -> Graph {
    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("general.architecture", Value::String("exaone4".into())),
        ("exaone4.block_count", Value::U32(layers)),
        ("exaone4.context_length", Value::U32(8192)),
        ("exaone4.embedding_length", Value::U32(64)),
        ("exaone4.feed_forward_length", Value::U32(96)),
        ("exaone4.attention.head_count", Value::U32(4)),
        ("exaone4.attention.head_count_kv", Value::U32(2)),
        ("exaone4.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("exaone4.rope.freq_base", Value::F32(10_000.0)),
    ] {
        writer.metadata(key, value);
    }
    for (key, value) in more {
        writer.metadata(key, value.clone());
    }
    let mut tensor = |name: &str, dims: &[u64]| {
        writer.tensor(name, dims, DType::F32).unwrap();
    };
    tensor("token_embd.weight", &[64, 32]);
    tensor("output_norm.weight", &[64]);
    for layer in 0..layers {
        for (part, dims) in [
            ("attn_q", &[64, 64][..]),
            ("attn_k", &[64, 32]),
            ("attn_v", &[64, 32]),
            ("attn_output", &[64, 64]),
            ("attn_q_norm", &[16]),
            ("attn_k_norm", &[16]),
            ("post_attention_norm", &[64]),
            ("ffn_gate", &[64, 96]),
            ("ffn_up", &[64, 96]),
            ("ffn_down", &[96, 64]),
            ("post_ffw_norm", &[64]),
        ] {
            tensor(&format!("blk.{layer}.{part}.weight"), dims);
        }
    }
    record(&Gguf::parse(&writer.to_bytes()).unwrap()).unwrap().graph
}

/// The window of each layer, and the frequency of the second pair of its rope.
fn layers(graph: &Graph) -> Vec<(Option<usize>, Option<f32>)> {
    let mut turn = None;
    let nodes = graph.nodes.iter().filter_map(|node| match &node.op {
        Op::Rope(rope) => {
            turn = Some(rope.frequencies[1]);
            None
        }
        Op::Attention(attention) => Some((attention.window, turn.take())),
        _ => None,
    });
    nodes.collect()
}

#[test]
fn exaone4_turns_everywhere_or_only_where_there_is_a_window() {
    let slow = |base: f32| Some(base.powf(-2.0 / 16.0));
    let same = |got: Vec<(Option<usize>, Option<f32>)>, want: &[(Option<usize>, Option<f32>)]| {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert_eq!((got.0, got.1.is_some()), (want.0, want.1.is_some()));
            assert!((got.1.unwrap_or(0.0) - want.1.unwrap_or(0.0)).abs() < 1e-6, "{got:?}, not {want:?}");
        }
    };
    same(layers(&exaone4(5, &[])), &[(None, slow(10_000.0)); 5]);
    let near = (Some(512), slow(10_000.0));
    let window = ("exaone4.attention.sliding_window", Value::U32(512));
    same(layers(&exaone4(5, std::slice::from_ref(&window))), &[near, near, near, (None, None), near]);
    let near = (Some(512), slow(500.0));
    let base = ("exaone4.rope.freq_base_swa", Value::F32(500.0));
    let period = ("exaone4.attention.sliding_window_pattern", Value::U32(2));
    same(layers(&exaone4(3, &[window, base, period])), &[near, (None, None), near]);
    // Files of the 64-layer model may omit its known values.
    let known = layers(&exaone4(64, &[]));
    same(known[..4].to_vec(), &[(Some(4096), slow(10_000.0)), known[1], known[2], (None, None)]);
    assert_eq!(known.iter().filter(|(window, _)| window.is_some()).count(), 48);
}
