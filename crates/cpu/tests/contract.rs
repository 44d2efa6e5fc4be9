//! Inputs that the backend rejects, and their errors.

use linnet_cpu::{CpuBackend, CpuOptions, CpuProgram};
use linnet_graph::{
    Attention, Backend, BackendError, Builder, Bytes, CompileOptions, Graph, KvFormat, Output, OutputRequest,
    Plan, Step, WeightSpec, WeightUses,
};
use linnet_quant::DType;
use pollster::block_on;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const OPTIONS: CompileOptions =
    CompileOptions { context_length: 8, max_batch: 4, max_logits: 2, kv: KvFormat::F16 };

fn backend() -> CpuBackend {
    CpuBackend::new(CpuOptions { threads: Some(1), ..CpuOptions::default() })
}

fn spec(dtype: DType, rows: usize, cols: usize) -> WeightSpec {
    let uses = WeightUses { matrix: true, ..WeightUses::default() };
    WeightSpec { name: "w".to_owned(), dtype, rows, cols, uses }
}

/// An embedding and a head of 10 tokens.
fn graph() -> Graph {
    let g = Builder::new();
    let table = g.weight("table", DType::F32, 10, 4);
    let logits = g.matmul(table, g.select_rows(g.embed(table)));
    g.finish(logits).expect("shapes that fit")
}

/// Compiles `graph` with weights of zeros; the last one lacks `missing` bytes.
fn compile(
    backend: &mut CpuBackend,
    graph: Graph,
    options: CompileOptions,
    missing: usize,
) -> Result<CpuProgram, BackendError> {
    let plan = Plan::new(graph);
    let mut weights = Vec::new();
    for spec in &plan.graph.weights {
        let mut weight = backend.allocate(spec)?;
        block_on(backend.write(&mut weight, Bytes::Heap(&vec![0; spec.byte_len() - missing])))?;
        weights.push(weight);
    }
    block_on(backend.compile(&plan, weights, options))
}

fn is_internal<T>(result: Result<T, BackendError>) -> bool {
    matches!(result, Err(BackendError::Internal(_)))
}

#[test]
fn a_weight_too_large_for_memory_is_an_error() {
    for (rows, cols) in [(1 << 28, 1 << 24), (usize::MAX / 2, 32), (1, usize::MAX / 64 * 32)] {
        let result = backend().allocate(&spec(DType::Q8_0, rows, cols));
        assert!(matches!(result, Err(BackendError::OutOfMemory { .. } | BackendError::Internal(_))));
    }
    let result = backend().allocate(&spec(DType::Q8_0, 1 << 28, 1 << 20));
    assert!(matches!(result, Err(BackendError::OutOfMemory { what, .. }) if what.contains('w')));
}

#[test]
fn a_cache_too_large_for_memory_is_an_error() {
    let g = Builder::new();
    let table = g.weight("table", DType::F32, 10, 4);
    let x = g.embed(table);
    let layer = g.kv_layer(1, 4);
    g.store_kv(layer, x, x);
    let y = g.select_rows(g.attention(x, Attention::new(layer, [1, 1], 4, 1.0)));
    let graph = g.finish(y).expect("shapes that fit");
    let options = CompileOptions { context_length: isize::MAX as usize / 16, ..OPTIONS };
    let result = compile(&mut backend(), graph, options, 0);
    assert!(matches!(result, Err(BackendError::OutOfMemory { .. })));
}

#[test]
fn a_row_that_is_no_whole_number_of_blocks_is_refused() {
    assert!(is_internal(backend().allocate(&spec(DType::Q4_0, 8, 33))));
    assert!(is_internal(backend().allocate(&spec(DType::F32, 8, 0))));
}

#[test]
fn bytes_too_many_or_too_few_are_refused() {
    let mut backend = backend();
    let spec = spec(DType::F16, 3, 5);
    let Ok(mut weight) = backend.allocate(&spec) else { panic!("room for 30 bytes") };
    assert!(is_internal(block_on(backend.write(&mut weight, Bytes::Heap(&vec![0; spec.byte_len() + 1])))));
    assert!(is_internal(compile(&mut backend, graph(), OPTIONS, 1)));
}

#[test]
fn an_attention_that_does_not_fit_its_cache_is_refused() {
    let g = Builder::new();
    let x = g.embed(g.weight("table", DType::F32, 10, 8));
    let layer = g.kv_layer(1, 8);
    g.store_kv(layer, x, x);
    let y = g.select_rows(g.attention(x, Attention::new(layer, [2, 2], 4, 1.0)));
    let graph = g.finish(y).expect("shapes that fit, as far as the builder looks");
    assert!(is_internal(compile(&mut backend(), graph, OPTIONS, 0)));
}

#[test]
fn steps_outside_the_options_are_refused_and_do_no_harm() {
    let mut backend = backend();
    let Ok(mut program) = compile(&mut backend, graph(), OPTIONS, 0) else { panic!("room for 160 bytes") };
    let mut run =
        |tokens: &[u32], position, want| block_on(backend.run(&mut program, Step { tokens, position, want }));
    assert!(is_internal(run(&[], 0, OutputRequest::Token)));
    assert!(is_internal(run(&[1; 5], 0, OutputRequest::Token)));
    assert!(is_internal(run(&[1; 4], 5, OutputRequest::Token)));
    assert!(is_internal(run(&[1], usize::MAX, OutputRequest::Token)));
    assert!(is_internal(run(&[10], 0, OutputRequest::Token)));
    assert!(is_internal(run(&[1; 2], 0, OutputRequest::Logits(0))));
    assert!(is_internal(run(&[1; 2], 0, OutputRequest::Logits(3))));
    assert!(is_internal(run(&[1; 1], 0, OutputRequest::Logits(2))));
    assert_eq!(run(&[1; 4], 4, OutputRequest::Logits(2)), Ok(Output::Logits(vec![0.0; 20])));
    assert_eq!(run(&[9], 0, OutputRequest::Token), Ok(Output::Token(0)));
}

#[test]
fn recurrent_state_goes_on_repeats_or_starts_again() {
    let g = Builder::new();
    let x = g.embed(g.weight("table", DType::F32, 10, 4));
    let y = g.select_rows(g.conv(x, g.weight("kernel", DType::F32, 4, 3), false));
    let graph = g.finish(y).expect("shapes that fit");
    let mut backend = backend();
    let Ok(mut program) = compile(&mut backend, graph, OPTIONS, 0) else { panic!("room for 80 bytes") };
    let mut run = |position, count| {
        let tokens = &[1, 2, 3, 4][..count];
        block_on(backend.run(&mut program, Step { tokens, position, want: OutputRequest::Nothing }))
    };
    assert!(is_internal(run(3, 1)), "nothing was run before it");
    for (position, count) in [(0, 3), (0, 3), (3, 2), (3, 1), (4, 1), (0, 2), (2, 1)] {
        assert_eq!(run(position, count), Ok(Output::None), "{count} at {position}");
    }
    for position in [1, 4, 7] {
        assert!(is_internal(run(position, 1)), "{position}");
    }
    assert_eq!(run(3, 1), Ok(Output::None), "a rejected step changes nothing");
}
