use linnet_graph::{
    Activation, Attention, Builder, GraphError, KvFormat, Norm, Plan, Rope, RopeStyle, WeightId, fuse,
};
use linnet_quant::DType;
use linnet_shaders::Math;

use super::*;
use crate::{GpuBackend, GpuOptions, tests};

const OPTIONS: CompileOptions =
    CompileOptions { context_length: 64, max_batch: 8, max_logits: 1, kv: KvFormat::F16 };

fn product(dtype: DType, rows: usize) -> product::ProductCase {
    product::ProductCase {
        dtype,
        gated: None,
        rows,
        cols: 256,
        many: true,
        joined: false,
        fused_add_norm: None,
        second_matrix: None,
        norm: None,
        bias: false,
        residual: false,
    }
}

/// Trials of every kind.
fn all() -> Vec<Trial> {
    let normed = |shape| product::ProductCase { norm: Some(1e-5), ..shape };
    let products = [DType::F32, DType::Q4_0, DType::Q4_K, DType::MXFP4].into_iter().flat_map(|dtype| {
        let plain = product(dtype, 40);
        let gate = |gated| product::ProductCase { gated: Some(gated), ..plain };
        let of_sum = |shape| product::ProductCase { fused_add_norm: Some(1e-5), ..normed(shape) };
        [
            product::ProductCase { many: false, ..normed(plain) },
            product::ProductCase { residual: true, ..plain },
            product::ProductCase { bias: true, ..normed(gate(Activation::Silu)) },
            gate(Activation::Gelu),
            of_sum(plain),
            of_sum(gate(Activation::Silu)),
        ]
    });
    let second_matrix = |second_matrix| product::ProductCase {
        second_matrix: Some(second_matrix),
        ..normed(product(DType::Q4_K, 40))
    };
    let other = second_matrix(product::SecondMatrix::Other(DType::Q6_K, 24));
    let rest = product::ProductCase {
        many: false,
        dtype: DType::Q8_0,
        ..second_matrix(product::SecondMatrix::Rest)
    };
    let two = [other, rest].into_iter().flat_map(|two| {
        let of_sum = product::ProductCase { fused_add_norm: Some(1e-5), ..two };
        [two, of_sum]
    });
    let biased = product::ProductCase { bias: true, ..other };
    let mixture = |dtype, makes| experts::ExpertsCase {
        makes,
        dtype,
        experts: 5,
        used: 3,
        rows: 40,
        cols: 256,
        shared: !matches!(makes, experts::Makes::Sum { .. }),
        many: true,
        norm: None,
        bias: true,
    };
    let mixtures = [DType::Q4_0, DType::MXFP4].into_iter().flat_map(|dtype| {
        let products = mixture(dtype, experts::Makes::Products);
        let gated = mixture(dtype, experts::Makes::Gated(Activation::ClampedSwiGlu));
        [
            products,
            experts::ExpertsCase { shared: false, bias: false, ..products },
            gated,
            experts::ExpertsCase { norm: Some(1e-5), ..gated },
            mixture(dtype, experts::Makes::Sum { residual: true }),
            experts::ExpertsCase { many: false, ..mixture(dtype, experts::Makes::Sum { residual: false }) },
        ]
    });
    let frequencies = (0..16).map(|i| 0.5_f32.powi(i)).collect();
    let (style, factors) = (RopeStyle::Halves, None);
    let rope = Rope { heads: 6, head_dim: 64, style, frequencies, factors, magnitude: 1.0 };
    let norm = Norm { weight: None, width: 64, eps: 1e-5 };
    let turned = Attention { window: Some(2), ..Attention::new(0, [6, 2], 64, 0.125) };
    let wide = Attention::new(0, [4, 1], 256, 0.0625);
    let sinks = Attention { window: None, sinks: Some(WeightId(0)), ..turned };
    let long = |kv| CompileOptions { context_length: 5000, kv, ..OPTIONS };
    let attentions = [
        attention::AttentionCase::new(&turned, [Some(norm), Some(norm), None], Some(&rope), OPTIONS),
        attention::AttentionCase::new(
            &wide,
            [None; 3],
            None,
            CompileOptions { kv: KvFormat::Q8_0, ..OPTIONS },
        ),
        attention::AttentionCase::new(&wide, [None; 3], None, long(KvFormat::Q8_0)),
        attention::AttentionCase::new(&sinks, [Some(norm); 3], Some(&rope), long(KvFormat::F16)),
    ];
    let attentions = attentions.into_iter().map(|shape| Trial::Attention(Box::new(shape)));
    let products = products.chain(two).chain([biased]).map(Trial::Product);
    products.chain(mixtures.map(Trial::Experts)).chain(attentions).collect()
}

/// The faults that trials find in a device; none without a device.
fn faults(options: GpuOptions, trials: &[Trial]) -> Option<Vec<Option<String>>> {
    let device = match pollster::block_on(Gpu::open(options)) {
        Err(BackendError::NoAdapter { reason }) => {
            println!("skipped: no adapter ({reason})");
            return None;
        }
        opened => opened.expect("a device"),
    };
    Some(trials.iter().map(|trial| pollster::block_on(fault(&device, trial)).expect("a device")).collect())
}

#[test]
fn gpu_kernels_pass_their_trials() {
    let software_kernels = Some(false);
    for options in [
        GpuOptions::default(),
        GpuOptions { software_kernels, ..GpuOptions::default() },
        GpuOptions { software_kernels, subgroups: Some(false), ..GpuOptions::default() },
        GpuOptions { math: Some(Math::F16), ..GpuOptions::default() },
        GpuOptions { math: Some(Math::Int8), subgroups: Some(false), ..GpuOptions::default() },
    ] {
        let faults = faults(options, &all()).unwrap_or_default();
        assert_eq!(faults.into_iter().flatten().collect::<Vec<_>>(), [""; 0]);
    }
}

/// Breaks kernels that no other trial runs, each in a different way.
#[test]
fn gpu_trials_find_what_is_wrong() {
    let wrong: crate::AlterKernels = |name, wgsl| {
        let alter = |from: &str, to: &str| {
            assert!(wgsl.contains(from), "{name} has no `{from}`");
            wgsl.replace(from, to)
        };
        match name {
            "attention_merge" => alter("total += weight * ", "total += "),
            _ if name.ends_with("_split") => alter("begin += split * ", "begin += (split + 1u) * "),
            _ if name.contains("q4_k_q6_k") => {
                alter("return second_weights_sums(rows, ", "return second_weights_sums(rows + 1u, ")
            }
            _ if name.contains("q8_0_q8_0") => {
                alter("return second_weights_sums(rows, ", "return second_weights_sums(rows + 1u, ")
            }
            _ if name.contains("_add_norm") => alter("set_add_norm_scale(s", "set_add_norm_scale(1.01 * s"),
            _ if name.starts_with("expert_sum") => alter("share * sums", "sums"),
            _ if name.starts_with("expert_matmul") => {
                alter("value += bias[expert * ", "value += bias[slot * ")
            }
            _ => wgsl,
        }
    };
    let names_what = |trial: &Trial| match trial {
        Trial::Attention(_) => trial.to_string().starts_with("attention of 4 to 1"),
        Trial::Product(shape) => shape.fused_add_norm.is_some() || shape.second_matrix.is_some(),
        Trial::Experts(shape) => shape.bias,
    };
    let trials: Vec<Trial> = all().into_iter().filter(names_what).collect();
    for subgroups in [None, Some(false)] {
        let (software_kernels, alter_kernels) = (Some(false), Some(wrong));
        let options = GpuOptions { software_kernels, subgroups, alter_kernels, ..GpuOptions::default() };
        for (trial, fault) in trials.iter().zip(faults(options, &trials).unwrap_or_default()) {
            // Short contexts use none of the broken kernels.
            let right = matches!(trial, Trial::Attention(shape) if shape.last_position().is_none());
            assert_eq!(fault.is_none(), right, "{trial}: {fault:?}");
        }
    }
}

/// Random blocks of every format have values that the host can decode.
#[test]
fn every_format_has_a_trial() {
    for dtype in DType::ALL {
        let Sample { weights, expected, .. } = product::sample(&product(dtype, 40), Math::F32);
        assert!(weights[1].len().is_multiple_of(dtype.block_bytes()), "{dtype}");
        let limits: Vec<f64> = expected.iter().flatten().map(|[_, limit]| *limit).collect();
        assert!(limits.iter().all(|limit| limit.is_finite() && *limit > 0.0), "{dtype}: {limits:?}");
    }
}

/// Trials compile only pipelines of the model, except those that pass rows on.
#[test]
fn gpu_trials_compile_no_kernels_of_their_own() {
    let compiled = |self_test| {
        let opened = pollster::block_on(GpuBackend::new(GpuOptions { self_test, ..GpuOptions::default() }));
        if let Err(BackendError::NoAdapter { reason }) = &opened {
            println!("skipped: no adapter ({reason})");
            return Vec::new();
        }
        let mut gpu = opened.expect("a device");
        let plan = Plan::new(fuse(layer().expect("a graph")));
        tests::compiled(&mut gpu, &plan, &tests::zeros(&plan), OPTIONS);
        let tried = ["matvec", "matmul", "attention", "heads", "sample"];
        let mut names = gpu.gpu.kernel_names();
        names.retain(|name| tried.iter().any(|kernel| name.starts_with(kernel)));
        names.sort();
        names
    };
    let (with, without) = (compiled(true), compiled(false));
    assert_eq!(with, without);
}

/// A layer of a transformer between an embedding and a head.
fn layer() -> Result<Graph, GraphError> {
    let g = Builder::new();
    let (width, heads, head_dim) = (64, 4, 32);
    let matrix = |name: &str, rows, cols| g.weight(name, DType::Q8_0, rows, cols);
    let norm = |name: &str, x| g.rms_norm(x, g.weight(name, DType::F32, 1, width), 1e-5);
    let table = g.weight("table", DType::F32, 96, width);
    let x = g.embed(table);
    let h = norm("attn_norm", x);
    let frequencies: Vec<f32> = (0..head_dim / 2).map(|i| 0.5_f32.powi(i as i32)).collect();
    let rope = |heads| Rope {
        heads,
        head_dim,
        style: RopeStyle::Interleaved,
        frequencies: frequencies.clone(),
        factors: None,
        magnitude: 1.0,
    };
    let q = g.rope(g.matmul(matrix("q", heads * head_dim, width), h), rope(heads));
    let k = g.rope(g.matmul(matrix("k", 2 * head_dim, width), h), rope(2));
    let v = g.matmul(matrix("v", 2 * head_dim, width), h);
    let layer = g.kv_layer(2, head_dim);
    g.store_kv(layer, k, v);
    let attended = g.attention(q, Attention::new(layer, [heads, 2], head_dim, 0.25));
    let x = g.add(x, g.matmul(matrix("o", width, heads * head_dim), attended));
    let h = norm("ffn_norm", x);
    let gated = g.swiglu(g.matmul(matrix("gate", 96, width), h), g.matmul(matrix("up", 96, width), h));
    let x = g.add(x, g.matmul(matrix("down", width, 96), gated));
    let logits = g.matmul(table, g.select_rows(norm("norm", x)));
    g.finish(logits)
}
