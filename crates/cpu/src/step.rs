//! One step: runs the nodes of the plan in order.

use linnet_graph::{BackendError, Graph, Node, Op, Output, OutputRequest, Rows, Step, WeightId};

use crate::attend::AttentionNode;
use crate::kernels::{Add, Argmax, Gated, RmsNorm, Scale, SoftCap, rotate};
use crate::kv::StoreKv;
use crate::matmul::MatMulNode;
use crate::min_parallel_work;
use crate::mixture::{self, ExpertNode};
use crate::pool::Pool;
use crate::program::CpuProgram;
use crate::recurrent::{self, DeltaInputs};
use crate::shared_rows::SharedRows;
use crate::simd::Isa;

/// Runs a step.
pub(crate) fn run(
    program: &mut CpuProgram,
    pool: &mut Pool,
    isa: Isa,
    step: Step<'_>,
) -> Result<Output, BackendError> {
    check(program, step)?;
    let logits = match step.want {
        OutputRequest::Nothing => 0,
        OutputRequest::Token => 1,
        OutputRequest::Logits(rows) => rows,
    };
    program.states.begin(step.position)?;
    program.kv_history.advance(step.position, step.tokens.len());
    for table in &mut program.ropes.tables {
        table.fill(step.position, step.tokens.len());
    }

    let mut token = None;
    for index in 0..program.plan.graph.nodes.len() {
        let plan = &program.plan;
        let node = &plan.graph.nodes[index];
        let rows = match rows_of(&plan.graph, node) {
            Rows::Tokens => step.tokens.len(),
            Rows::Logits => logits,
        };
        if rows == 0 || (node.op == Op::Argmax && step.want != OutputRequest::Token) {
            continue;
        }
        // No node reads a slot that it writes, so its outputs can be moved out.
        let slots: Vec<usize> =
            node.outputs.iter().filter_map(|&output| plan.slot(output)).map(|slot| slot.0 as usize).collect();
        let mut outputs: Vec<Vec<f32>> =
            slots.iter().map(|&slot| std::mem::take(&mut program.slots[slot])).collect();
        let result = run_node(program, pool, isa, step, Place { index, rows }, &mut outputs);
        for (slot, output) in slots.into_iter().zip(outputs) {
            program.slots[slot] = output;
        }
        token = result?.or(token);
    }
    program.states.finish(step.tokens.len());

    match step.want {
        OutputRequest::Nothing => Ok(Output::None),
        OutputRequest::Token => token.map(Output::Token).ok_or_else(|| internal("the graph has no token")),
        OutputRequest::Logits(rows) => {
            let graph = &program.plan.graph;
            let slot = program.plan.slot(graph.logits).ok_or_else(|| internal("the graph has no logits"))?;
            let len = rows * graph.value(graph.logits).width;
            Ok(Output::Logits(program.slots[slot.0 as usize][..len].to_vec()))
        }
    }
}

fn internal(what: &str) -> BackendError {
    BackendError::Internal(what.to_owned())
}

fn check(program: &CpuProgram, step: Step<'_>) -> Result<(), BackendError> {
    let options = program.options;
    let tokens = step.tokens.len();
    if tokens == 0 || tokens > options.max_batch {
        return Err(BackendError::Internal(format!(
            "a step has {tokens} tokens, but must have 1 to {}",
            options.max_batch
        )));
    }
    if step.position.checked_add(tokens).is_none_or(|end| end > options.context_length) {
        let (position, context) = (step.position, options.context_length);
        return Err(BackendError::Internal(format!(
            "{tokens} tokens at {position} in a context of {context}"
        )));
    }
    if !program.kv_history.can_resume_at(step.position) {
        return Err(BackendError::Internal(format!(
            "the KV cache has overwritten tokens that a step at {} attends to",
            step.position
        )));
    }
    if let OutputRequest::Logits(rows) = step.want
        && !(1..=tokens.min(options.max_logits)).contains(&rows)
    {
        return Err(BackendError::Internal(format!("{rows} rows of logits of a step of {tokens} tokens")));
    }
    Ok(())
}

/// Number of rows that a node computes.
fn rows_of(graph: &Graph, node: &Node) -> Rows {
    let value = node.outputs.first().or(node.inputs.first());
    value.map_or(Rows::Tokens, |&value| graph.value(value).rows)
}

/// A node to run, and its number of rows.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    rows: usize,
}

/// Runs one node and writes `outputs`. Returns a token if the node selects one.
fn run_node(
    program: &mut CpuProgram,
    pool: &mut Pool,
    isa: Isa,
    step: Step<'_>,
    Place { index, rows }: Place,
    outputs: &mut [Vec<f32>],
) -> Result<Option<u32>, BackendError> {
    let CpuProgram { plan, weights, kv, states, slots, ropes, inputs, threads, partials, .. } = program;
    let graph = &plan.graph;
    let node = &graph.nodes[index];
    let input = |i: usize| -> Result<&[f32], BackendError> {
        let value = *node.inputs.get(i).ok_or_else(|| internal("a node lacks an input"))?;
        let slot = plan.slot(value).ok_or_else(|| internal("a node reads a value that no node writes"))?;
        let len = match graph.value(value).rows {
            Rows::Tokens => step.tokens.len(),
            Rows::Logits => rows,
        };
        Ok(&slots[slot.0 as usize][..len * graph.value(value).width])
    };
    let width = node.outputs.first().map_or(0, |&output| graph.value(output).width);
    let alone = rows * width < min_parallel_work::ELEMENTS;
    // Runs `row` for each row of the first output.
    let each_row = |pool: &mut Pool, outputs: &mut [Vec<f32>], row: &(dyn Fn(usize, &mut [f32]) + Sync)| {
        if let Some(output) = outputs.first_mut() {
            let out = SharedRows::new(output, rows, width);
            pool.split(rows, alone, |_, range| {
                for index in range {
                    // SAFETY: the ranges of the threads are disjoint, so each row is reached once.
                    row(index, unsafe { out.part(index, 0, width) });
                }
            });
        }
    };

    let vector = |id: Option<WeightId>| id.map(|id| weights[id.0 as usize].vector()).transpose();

    match &node.op {
        Op::Embed { table, factor } => {
            let weight = &weights[table.0 as usize];
            let matrix = weight.matrix()?;
            if let Some(token) = step.tokens.iter().find(|&&token| token as usize >= weight.spec().rows) {
                return Err(BackendError::Internal(format!("token {token} is outside the vocabulary")));
            }
            each_row(pool, outputs, &|row, out| {
                matrix.row(isa, step.tokens[row] as usize, out);
                if *factor != 1.0 {
                    out.iter_mut().for_each(|value| *value *= factor);
                }
            });
        }
        Op::RmsNorm(norm) => {
            let (x, weight) = (input(0)?, vector(norm.weight)?);
            each_row(pool, outputs, &|row, out| {
                let heads = x[row * width..][..width].chunks_exact(norm.width);
                for (x, out) in heads.zip(out.chunks_exact_mut(norm.width)) {
                    isa.run(RmsNorm { x, weight, eps: norm.eps, out });
                }
            });
        }
        Op::MatMul(matmul) => {
            let residual = if node.inputs.len() > 1 { Some(input(1)?) } else { None };
            MatMulNode { matmul, weights, isa, rows, residual }.run(
                input(0)?,
                inputs,
                threads,
                pool,
                outputs,
            )?;
        }
        Op::Rope(rope) => {
            let x = input(0)?;
            let table = ropes.of_node[index].ok_or_else(|| internal("a rope has no table"))?;
            let table = &ropes.tables[table];
            each_row(pool, outputs, &|row, out| {
                isa.run(rotate(rope, table.rotations(row), &x[row * width..][..width], out));
            });
        }
        Op::StoreKv { layer } => {
            let (k, v) = (input(0)?, input(1)?);
            let cache = kv.get_mut(*layer).ok_or_else(|| internal("no such KV layer"))?;
            isa.run(StoreKv { cache, position: step.position, k, v });
        }
        Op::Attention(attention) => {
            let (q, sinks) = (input(0)?, vector(attention.sinks)?);
            let cache = kv.get(attention.layer).ok_or_else(|| internal("no such KV layer"))?;
            let output = outputs.first_mut().ok_or_else(|| internal("an attention without an output"))?;
            let position = step.position;
            AttentionNode { attention, sinks, cache, q, position, rows, threads }
                .run(pool, isa, partials, output);
        }
        Op::Add => {
            let (a, b) = (input(0)?, input(1)?);
            each_row(pool, outputs, &|row, out| {
                let row = row * width..(row + 1) * width;
                isa.run(Add { a: &a[row.clone()], b: &b[row], out });
            });
        }
        Op::Gated(activation) => {
            let (gate, up) = (input(0)?, input(1)?);
            each_row(pool, outputs, &|row, out| {
                let row = row * width..(row + 1) * width;
                isa.run(Gated { activation: *activation, gate: &gate[row.clone()], up: &up[row], out });
            });
        }
        Op::SelectRows => {
            let x = input(0)?;
            let skipped = x.len() - rows * width;
            each_row(pool, outputs, &|row, out| out.copy_from_slice(&x[skipped + row * width..][..width]));
        }
        Op::Scale(scale) => {
            let (x, weight) = (input(0)?, vector(scale.weight)?);
            let factor = scale.factor * weight.map_or(1.0, |weight| weight[0]);
            each_row(pool, outputs, &|row, out| {
                isa.run(Scale { x: &x[row * width..][..width], factor, out });
            });
        }
        Op::SoftCap(cap) => {
            let (x, cap) = (input(0)?, *cap);
            each_row(pool, outputs, &|row, out| {
                isa.run(SoftCap { x: &x[row * width..][..width], cap, out });
            });
        }
        Op::Slice(slice) => {
            let x = input(0)?;
            let from = x.len() / rows;
            each_row(pool, outputs, &|row, out| {
                let groups = x[row * from..][..from].chunks_exact(slice.stride);
                for (group, out) in groups.zip(out.chunks_exact_mut(slice.len)) {
                    out.copy_from_slice(&group[slice.start..][..slice.len]);
                }
            });
        }
        Op::Router(router) => {
            let (logits, bias) = (input(0)?, vector(router.bias)?);
            let [ids, chosen] = outputs else { return Err(internal("a router has two outputs")) };
            let rows = ids.chunks_exact_mut(width).zip(chosen.chunks_exact_mut(width)).take(rows);
            for ((ids, chosen), logits) in rows.zip(logits.chunks_exact(router.experts)) {
                mixture::route(router, bias, logits, ids, chosen);
            }
        }
        Op::ExpertMatMul(op) => {
            let node = ExpertNode { op, weight: &weights[op.weight.0 as usize], bias: vector(op.bias)?, isa };
            let output = outputs.first_mut().ok_or_else(|| internal("a product without an output"))?;
            node.run((input(0)?, input(1)?), inputs, (pool, threads), &mut output[..rows * width])?;
        }
        Op::WeightedSum => {
            let (x, chosen) = (input(0)?, input(1)?);
            let (from, used) = (x.len() / rows, chosen.len() / rows);
            each_row(pool, outputs, &|row, out| {
                mixture::weighted_sum(&x[row * from..][..from], &chosen[row * used..][..used], out);
            });
        }
        Op::Conv(op) => {
            let (x, kernel) = (input(0)?, weights[op.kernel.0 as usize].vector()?);
            let output = outputs.first_mut().ok_or_else(|| internal("a convolution without an output"))?;
            recurrent::conv(
                op,
                kernel,
                x,
                states.get(op.state)?,
                pool,
                &SharedRows::new(output, rows, width),
            );
        }
        Op::DeltaNet(op) => {
            let [a, dt_bias] = [op.a, op.dt_bias].map(|id| weights[id.0 as usize].vector());
            let (qkv, beta, alpha) = (input(0)?, input(1)?, input(2)?);
            let inputs = DeltaInputs { qkv, beta, alpha, a: a?, dt_bias: dt_bias? };
            let output = outputs.first_mut().ok_or_else(|| internal("a delta rule without an output"))?;
            let out = SharedRows::new(output, rows, width);
            recurrent::delta_net(op, isa, inputs, states.get(op.state)?, (pool, threads), &out);
        }
        Op::Argmax => {
            let logits = input(0)?;
            let width = logits.len() / rows;
            return Ok(Some(isa.run(Argmax { values: &logits[(rows - 1) * width..] }) as u32));
        }
    }
    Ok(None)
}
