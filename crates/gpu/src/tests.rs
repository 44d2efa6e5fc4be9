//! Tests beyond the oracle: misuse, limits, a lost device.

use linnet_graph::{
    Backend, BackendError, Builder, Bytes, Capabilities, CompileOptions, DecodeAhead, DecodeRequest, Graph,
    KvFormat, Output, OutputRequest, Plan, SamplingParams, Step, WeightSpec, WeightUses,
};
use linnet_quant::DType;

use crate::{GpuBackend, GpuOptions, Math, Program};

const OPTIONS: CompileOptions =
    CompileOptions { context_length: 8, max_batch: 4, max_logits: 2, kv: KvFormat::F16 };

fn gpu(options: GpuOptions) -> Option<GpuBackend> {
    let opened = pollster::block_on(GpuBackend::new(options));
    if let Err(BackendError::NoAdapter { reason }) = &opened {
        println!("skipped: no adapter ({reason})");
        return None;
    }
    Some(opened.expect("a device"))
}

/// Two tokens whose embeddings are unit vectors: each is its own most likely successor.
fn graph() -> Graph {
    let g = Builder::new();
    let table = g.weight("table", DType::F32, 2, 2);
    let logits = g.matmul(table, g.select_rows(g.embed(table)));
    g.finish(logits).expect("a graph")
}

/// The same with a table of integers, of one block per token.
fn quantized_graph() -> Graph {
    let g = Builder::new();
    let table = g.weight("table", DType::Q8_0, 2, 32);
    let logits = g.matmul(table, g.select_rows(g.embed(table)));
    g.finish(logits).expect("a graph")
}

/// A plan compiled with weights of these bytes, in the order of its graph's weights.
pub(crate) fn compiled(
    gpu: &mut GpuBackend,
    plan: &Plan,
    bytes: &[Vec<u8>],
    options: CompileOptions,
) -> Program {
    assert_eq!(plan.graph.weights.len(), bytes.len());
    pollster::block_on(async {
        let mut weights = Vec::new();
        for (spec, bytes) in plan.graph.weights.iter().zip(bytes) {
            let mut weight = gpu.allocate(spec).expect("room");
            gpu.write(&mut weight, Bytes::Heap(bytes)).await.expect("written");
            weights.push(weight);
        }
        gpu.compile(plan, weights, options).await.expect("compiled")
    })
}

/// Zeros for each weight of a plan.
pub(crate) fn zeros(plan: &Plan) -> Vec<Vec<u8>> {
    plan.graph.weights.iter().map(|spec| vec![0; spec.byte_len()]).collect()
}

fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

fn program(gpu: &mut GpuBackend) -> Program {
    compiled(gpu, &Plan::new(graph()), &[floats([1.0, 0.0, 0.0, 1.0])], OPTIONS)
}

fn run(
    gpu: &mut GpuBackend,
    program: &mut Program,
    tokens: &[u32],
    position: usize,
    want: OutputRequest,
) -> Result<Output, BackendError> {
    pollster::block_on(gpu.run(program, Step { tokens, position, want }))
}

#[test]
fn gpu_steps_outside_the_options_are_refused() {
    let Some(mut gpu) = gpu(GpuOptions::default()) else { return };
    let mut program = program(&mut gpu);
    for (tokens, position, want) in [
        (&[][..], 0, OutputRequest::Token),
        (&[0; 5], 0, OutputRequest::Token),
        (&[0; 4], 5, OutputRequest::Token),
        (&[0], usize::MAX, OutputRequest::Token),
        (&[0], 0, OutputRequest::Logits(0)),
        (&[0], 0, OutputRequest::Logits(2)),
        (&[0; 4], 0, OutputRequest::Logits(3)),
    ] {
        let result = run(&mut gpu, &mut program, tokens, position, want);
        assert!(matches!(result, Err(BackendError::Internal(_))), "{tokens:?} at {position}, {want:?}");
    }
    assert_eq!(run(&mut gpu, &mut program, &[0, 1], 6, OutputRequest::Token), Ok(Output::Token(1)));
    let logits = Output::Logits(vec![1.0, 0.0, 0.0, 1.0]);
    assert_eq!(run(&mut gpu, &mut program, &[1, 0, 1], 0, OutputRequest::Logits(2)), Ok(logits));
    assert_eq!(run(&mut gpu, &mut program, &[1], 0, OutputRequest::Nothing), Ok(Output::None));
}

#[test]
fn gpu_weights_must_be_whole_and_fit() {
    let Some(mut gpu) = gpu(GpuOptions::default()) else { return };
    let plan = Plan::new(graph());
    let compile = |gpu: &mut GpuBackend, bytes: usize| {
        pollster::block_on(async {
            let mut weight = gpu.allocate(&plan.graph.weights[0])?;
            gpu.write(&mut weight, Bytes::Heap(&vec![0; bytes])).await?;
            gpu.compile(&plan, vec![weight], OPTIONS).await.map(|_| ())
        })
    };
    assert!(matches!(compile(&mut gpu, 15), Err(BackendError::Internal(_))));
    assert!(matches!(compile(&mut gpu, 17), Err(BackendError::Internal(_))));
    assert_eq!(compile(&mut gpu, 16), Ok(()));
    let none = pollster::block_on(gpu.compile(&plan, Vec::new(), OPTIONS)).map(|_| ());
    assert!(matches!(none, Err(BackendError::Internal(_))));
}

/// The tokens after the first with a vocabulary in bindings of this many bytes, and the calls per token.
fn chosen_from_table(max_part_bytes: Option<u64>, software_kernels: Option<bool>) -> Option<(Vec<u32>, u64)> {
    const ROWS: usize = 64;
    let mut gpu = gpu(GpuOptions { max_part_bytes, software_kernels, ..GpuOptions::default() })?;
    let g = Builder::new();
    let table = g.weight("table", DType::Q8_0, ROWS, 64);
    let head = g.weight("head", DType::Q8_0, ROWS, 64);
    let logits = g.matmul(head, g.select_rows(g.embed(table)));
    let plan = Plan::new(g.finish(logits).expect("a graph"));
    // Tokens are unit vectors; each is followed by one in the other half of the table.
    let mut weights = zeros(&plan);
    for (bytes, shift) in weights.iter_mut().zip([0, ROWS / 2 - 1]) {
        for row in 0..ROWS {
            let place = (row + shift) % ROWS;
            let block = &mut bytes[(row * 2 + place / 32) * 34..][..34];
            // A scale of 1/64, and 64 of it.
            block[..2].copy_from_slice(&[0x00, 0x24]);
            block[2 + place % 32] = 64;
        }
    }
    let mut program = compiled(&mut gpu, &plan, &weights, OPTIONS);
    let before = gpu.counters().expect("counters").dispatches;
    let ahead = DecodeRequest { tokens: 7, stop: &[], suppressed: &[], sampling: SamplingParams::GREEDY };
    let step = Step { tokens: &[3], position: 0, want: OutputRequest::Token };
    gpu.submit_decode(&mut program, Some(step), ahead).expect("queued");
    let tokens = pollster::block_on(gpu.poll_decode(&mut program)).expect("tokens");
    Some((tokens, gpu.counters().expect("counters").dispatches - before))
}

#[test]
fn gpu_halves_of_a_table_are_read_by_one_dispatch() {
    for software in [None, Some(false)] {
        let Some((tokens, dispatches)) = chosen_from_table(None, software) else { return };
        assert_eq!(tokens, [36, 5, 38, 7, 40, 9, 42]);
        // The table has 4,352 bytes, and a binding two thirds of that.
        let (halved, more) = chosen_from_table(Some(3000), software).expect("the same device");
        assert_eq!((halved, more), (tokens, dispatches + 1));
    }
}

#[test]
fn gpu_rows_beyond_a_binding_are_a_limit() {
    let Some(mut gpu) = gpu(GpuOptions { max_part_bytes: Some(64), ..GpuOptions::default() }) else { return };
    let uses = WeightUses { matrix: true, ..WeightUses::default() };
    let spec = WeightSpec { name: "wide".to_owned(), dtype: DType::F32, rows: 8, cols: 64, uses };
    assert!(matches!(gpu.allocate(&spec).err(), Some(BackendError::Limit { have: 64, .. })));
}

#[test]
fn gpu_that_goes_away_is_reported_as_lost() {
    let Some(mut gpu) = gpu(GpuOptions::default()) else { return };
    let mut program = program(&mut gpu);
    assert_eq!(run(&mut gpu, &mut program, &[1], 0, OutputRequest::Token), Ok(Output::Token(1)));
    gpu.gpu.device.calls.device().destroy();
    for want in [OutputRequest::Token, OutputRequest::Nothing, OutputRequest::Logits(1)] {
        let result = run(&mut gpu, &mut program, &[1], 0, want);
        assert!(matches!(result, Err(BackendError::DeviceLost { .. })), "{want:?}: {result:?}");
    }
    let plan = Plan::new(graph());
    let allocated = gpu.allocate(&plan.graph.weights[0]);
    let written =
        allocated.and_then(|mut weight| pollster::block_on(gpu.write(&mut weight, Bytes::Heap(&[0; 16]))));
    assert!(matches!(written, Err(BackendError::DeviceLost { .. })), "{written:?}");
}

#[test]
fn gpu_steps_behind_the_end_compute_nothing() {
    let Some(mut gpu) = gpu(GpuOptions::default()) else { return };
    let g = Builder::new();
    let (table, head) = (g.weight("table", DType::F32, 2, 2), g.weight("head", DType::F32, 2, 2));
    let logits = g.matmul(head, g.select_rows(g.embed(table)));
    let plan = Plan::new(g.finish(logits).expect("a graph"));
    // Each token is followed by the other.
    let weights = [[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]].map(floats);
    let mut program = compiled(&mut gpu, &plan, &weights, OPTIONS);
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let read = gpu.gpu.device.buffer("logits", 8, usage).expect("room");
    for (stop, chosen, last) in
        [(&[][..], &[1, 0, 1, 0][..], [1.0, 0.0]), (&[1], &[1], [0.0, 1.0]), (&[0], &[1, 0], [1.0, 0.0])]
    {
        let ahead = DecodeRequest { tokens: 4, stop, suppressed: &[], sampling: SamplingParams::GREEDY };
        let step = Step { tokens: &[0], position: 0, want: OutputRequest::Token };
        gpu.submit_decode(&mut program, Some(step), ahead).expect("queued");
        assert_eq!(pollster::block_on(gpu.poll_decode(&mut program)).as_deref(), Ok(chosen));
        let calls = &gpu.gpu.device.calls;
        let mut encoder = calls.device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(program.logits().expect("logits"), 0, &read, 0, 8);
        calls.submit(Some(encoder.finish()));
        // The logits of the last token are still there.
        assert_eq!(pollster::block_on(gpu.gpu.device.read::<f32>(&read, 8)), Ok(last.to_vec()), "{stop:?}");
    }
}

#[test]
fn gpu_memory_is_counted() {
    let Some(mut gpu) = gpu(GpuOptions::default()) else { return };
    let program = program(&mut gpu);
    let memory = gpu.memory(&program);
    assert!((16..=64).contains(&memory.weights) && memory.kv == 0 && memory.scratch > 0, "{memory:?}");
}

#[test]
fn software_adapters_can_be_refused() {
    let Some(found) = gpu(GpuOptions::default()) else { return };
    let options = GpuOptions { allow_fallback: false, ..GpuOptions::default() };
    let refused = pollster::block_on(GpuBackend::new(options));
    assert_eq!(refused.is_err(), found.adapter().fallback);
}

/// A device whose driver miscompiles the kernels that `wrong` names: their results have the wrong sign.
fn miscompiled(software_kernels: Option<bool>, alter: crate::AlterKernels) -> Option<GpuBackend> {
    gpu(GpuOptions { software_kernels, alter_kernels: Some(alter), ..GpuOptions::default() })
}

fn negated(wgsl: &str) -> String {
    let stores = ["y[start + column] = value", "y[at] = value;", "y[at] = value[j];"];
    stores.iter().fold(wgsl.to_owned(), |text, store| text.replace(store, &store.replace("= ", "= -")))
}

#[test]
fn gpu_steps_down_from_kernels_that_compute_wrongly() {
    let Some(mut gpu) = miscompiled(Some(false), |name, wgsl| match name.contains("_subgroups") {
        true => negated(&wgsl),
        false => wgsl,
    }) else {
        return;
    };
    let before = gpu.capabilities().clone();
    let mut program = program(&mut gpu);
    assert_eq!(
        run(&mut gpu, &mut program, &[1], 0, OutputRequest::Logits(1)),
        Ok(Output::Logits(vec![0.0, 1.0]))
    );
    if before.features.contains(&"subgroups".to_owned()) {
        let Capabilities { features, disabled_features, .. } = gpu.capabilities();
        assert!(features.is_empty(), "{features:?}");
        assert!(
            matches!(&disabled_features[..], [why] if why.starts_with("without subgroups: ")),
            "{disabled_features:?}"
        );
    }
}

#[test]
fn gpu_steps_down_from_kernels_that_do_not_compile() {
    let Some(mut gpu) = miscompiled(None, |name, wgsl| match name.contains("broadcast") {
        true => wgsl.replace("fn main", "fn main(main"),
        false => wgsl,
    }) else {
        return;
    };
    let software = gpu.adapter().fallback && gpu.adapter().subgroup_size >= Some(8);
    let mut program = program(&mut gpu);
    assert_eq!(
        run(&mut gpu, &mut program, &[1], 0, OutputRequest::Logits(1)),
        Ok(Output::Logits(vec![0.0, 1.0]))
    );
    assert_eq!(gpu.capabilities().disabled_features.len(), usize::from(software));
}

#[test]
fn gpu_steps_down_from_integers_that_are_multiplied_wrongly() {
    for math in [Math::F16, Math::Int8] {
        let alter: crate::AlterKernels = |name, wgsl| match name.contains("_f16") || name.contains("_int8") {
            true => wgsl.replace("block.x * (affine.x", "block.x * (-affine.x"),
            false => wgsl,
        };
        let options = GpuOptions { math: Some(math), alter_kernels: Some(alter), ..GpuOptions::default() };
        let Some(mut gpu) = gpu(options) else { return };
        let plan = Plan::new(quantized_graph());
        let mut weight = gpu.allocate(&plan.graph.weights[0]).expect("room");
        pollster::block_on(async {
            gpu.write(&mut weight, Bytes::Heap(&[0; 2 * 34])).await.expect("written");
            gpu.compile(&plan, vec![weight], OPTIONS).await.expect("compiled");
        });
        let Capabilities { features, disabled_features, .. } = gpu.capabilities();
        assert!(!features.iter().any(|feature| feature != "subgroups"), "{features:?}");
        assert!(
            matches!(&disabled_features[..], [why] if why.starts_with("without ")),
            "{disabled_features:?}"
        );
    }
}

/// The results are right whichever kernels are fastest.
#[test]
fn gpu_kernels_are_chosen_by_measuring_them() {
    let options = GpuOptions { software_kernels: Some(false), tune: Some(true), ..GpuOptions::default() };
    let Some(mut gpu) = gpu(options) else { return };
    let g = Builder::new();
    let table = g.weight("table", DType::F32, 2, 32);
    let matrices = ["a", "b"].map(|name| g.weight(name, DType::Q8_0, 32, 32));
    let x = matrices.into_iter().fold(g.embed(table), |x, matrix| g.matmul(matrix, x));
    let rows = g.select_rows(x);
    let plan = Plan::new(g.finish(rows).expect("a graph"));
    // Blocks with the scale 1 (0x3c00 in f16) and a 2 on the diagonal.
    let doubling: Vec<u8> = (0..32)
        .flat_map(|row| [0, 0x3c].into_iter().chain((0..32).map(move |i| if i == row { 2 } else { 0 })))
        .collect();
    let weights = [floats((0..64).map(|i| i as f32)), doubling.clone(), doubling];
    let mut program = compiled(&mut gpu, &plan, &weights, OPTIONS);
    let logits = run(&mut gpu, &mut program, &[1], 0, OutputRequest::Logits(1));
    let Ok(Output::Logits(logits)) = logits else { panic!("{logits:?}") };
    for (i, logit) in logits.iter().enumerate() {
        assert!((logit - 4.0 * (32 + i) as f32).abs() < 1.5, "{i}: {logit}");
    }
}

#[test]
fn gpu_whose_kernels_are_all_wrong_is_refused() {
    let Some(mut gpu) = miscompiled(None, |_, wgsl| negated(&wgsl)) else { return };
    let plan = Plan::new(graph());
    let compiled = pollster::block_on(async {
        let mut weight = gpu.allocate(&plan.graph.weights[0])?;
        gpu.write(&mut weight, Bytes::Heap(&[0; 16])).await?;
        gpu.compile(&plan, vec![weight], OPTIONS).await.map(|_| ())
    });
    assert!(matches!(compiled, Err(BackendError::NoAdapter { .. })), "{compiled:?}");
}
