//! From the nodes of a plan to dispatches.

use linnet_graph::{Activation, BackendError, CompileOptions, Node, Norm, Op, Plan, RopeStyle, Rows, Value};
use linnet_shaders::{Kernel, QUERIES, attention, embed, rows};
use wgpu::BindingResource;

use crate::buffers::{Buffers, internal, stride};
use crate::device::Device;
use crate::dispatch::{Dispatch, Grid, When};
use crate::pipelines::Constants;
use crate::weight::{Data, Weight};

/// What a dispatch computes, before its buffers are bound.
pub(crate) struct Call {
    pub kernel: Kernel,
    pub constants: Constants,
    pub grid: Grid,
    pub rows: Rows,
    pub when: When,
}

/// Makes dispatches.
pub(crate) struct Emitter<'a> {
    pub device: &'a Device,
    pub options: CompileOptions,
    pub dispatches: Vec<Dispatch>,
}

impl Emitter<'_> {
    /// The most rows of such an activation.
    pub fn max_rows(&self, rows: Rows) -> usize {
        match rows {
            Rows::Tokens => self.options.max_batch,
            Rows::Logits => self.options.max_logits,
        }
    }

    /// Appends a dispatch; the buffers in the order of their bindings.
    pub fn push(
        &mut self,
        label: &str,
        call: Call,
        buffers: &[BindingResource<'_>],
    ) -> Result<(), BackendError> {
        let label = format!("{} {label}", call.kernel.name());
        call.grid.validate(&label, self.max_rows(call.rows) as u32)?;
        let mut pipelines = self.device.pipelines.borrow_mut();
        let pipeline = pipelines.get(&self.device.device, call.kernel, &call.constants);
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource: resource.clone() })
            .collect();
        let bindings = self.device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&label),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let Call { grid, rows, when, .. } = call;
        self.dispatches.push(Dispatch { pipeline, bindings, grid, rows, when });
        Ok(())
    }
}

/// Lowers one plan.
pub(crate) struct Lowering<'a> {
    pub plan: &'a Plan,
    pub weights: &'a [Weight],
    pub buffers: &'a Buffers,
    pub emit: Emitter<'a>,
}

/// The dispatches of a plan.
pub(crate) fn lower(
    device: &Device,
    plan: &Plan,
    weights: &[Weight],
    buffers: &Buffers,
    options: CompileOptions,
) -> Result<Vec<Dispatch>, BackendError> {
    let emit = Emitter { device, options, dispatches: Vec::new() };
    let mut lowering = Lowering { plan, weights, buffers, emit };
    for node in &plan.graph.nodes {
        lowering.node(node)?;
    }
    Ok(lowering.emit.dispatches)
}

/// A flag as the value of an override constant.
pub(crate) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// Workgroups for so many items of a row.
fn row_groups(items: usize) -> u32 {
    items.div_ceil(rows::THREADS as usize) as u32
}

impl<'a> Lowering<'a> {
    /// An activation's buffer.
    pub fn value(&self, value: Value) -> Result<BindingResource<'a>, BackendError> {
        self.buffers.value(self.plan, value)
    }

    fn node(&mut self, node: &'a Node) -> Result<(), BackendError> {
        let graph = &self.plan.graph;
        let (buffers, label) = (self.buffers, node.label.as_str());
        let input = |i: usize| {
            let value = *node.inputs.get(i).ok_or_else(|| internal("a node lacks an input"))?;
            Ok::<_, BackendError>((buffers.value(self.plan, value)?, graph.value(value)))
        };
        let output = || {
            let value = *node.outputs.first().ok_or_else(|| internal("a node lacks an output"))?;
            buffers.value(self.plan, value)
        };
        let call = |kernel, constants, grid, rows| Call { kernel, constants, grid, rows, when: When::Always };

        match &node.op {
            Op::Embed { table } => {
                let table =
                    self.weights.get(table.0 as usize).ok_or_else(|| internal("a table is missing"))?;
                let Data::Matrix { format, parts } = &table.data else {
                    return Err(internal("the embedding table is a vector"));
                };
                let cols = table.spec.cols;
                let grid = Grid::per_row(row_groups(cols.div_ceil(32) * (32 / embed::VALUES as usize)));
                for part in parts {
                    let constants =
                        vec![("COLS", cols as f64), ("FIRST", part.first as f64), ("ROWS", part.rows as f64)];
                    let bound =
                        [buffers.step(), buffers.tokens(), part.buffer.as_entire_binding(), output()?];
                    self.emit.push(
                        label,
                        call(Kernel::Embed(*format), constants, grid, Rows::Tokens),
                        &bound,
                    )?;
                }
                Ok(())
            }
            Op::RmsNorm(norm) => {
                let (x, info) = input(0)?;
                if norm.weight.is_none() || norm.width != info.width {
                    return Err(unsupported(label, "a norm of heads"));
                }
                self.norm(label, *norm, x, output()?, info.rows, info.width, When::Always)
            }
            Op::MatMul(matmul) => self.matmul(node, matmul),
            Op::Rope(rope) => {
                let (x, _) = input(0)?;
                if rope.head_dim % 2 != 0 {
                    return Err(unsupported_head(rope.head_dim, 2));
                }
                let constants = vec![
                    ("HEADS", rope.heads as f64),
                    ("HEAD_DIM", rope.head_dim as f64),
                    ("PAIRS", rope.frequencies.len() as f64),
                    ("HALVES", flag(rope.style == RopeStyle::Halves)),
                    ("STRIDE", stride(rope.heads * rope.head_dim) as f64),
                ];
                let grid = Grid::per_row(row_groups(rope.heads * rope.head_dim / 2));
                let bound = [buffers.step(), buffers.rope(rope)?, x, output()?];
                self.emit.push(label, call(Kernel::Rope, constants, grid, Rows::Tokens), &bound)
            }
            Op::StoreKv { layer } => {
                let ((k, info), (v, _)) = (input(0)?, input(1)?);
                let quads = info.width / 4;
                let [keys, values] = buffers.kv(*layer)?;
                let constants = vec![("QUADS", quads as f64)];
                let grid = Grid::per_row(row_groups(quads));
                let bound = [buffers.step(), k, v, keys, values];
                self.emit.push(label, call(Kernel::StoreKv, constants, grid, Rows::Tokens), &bound)
            }
            Op::Attention(attention) => {
                let (q, _) = input(0)?;
                self.attention(label, attention, q, output()?)
            }
            Op::Add | Op::Gated(Activation::Silu) => {
                let ((a, info), (b, _)) = (input(0)?, input(1)?);
                let kernel = if node.op == Op::Add { Kernel::Add } else { Kernel::SwiGlu };
                self.elementwise(label, kernel, [a, b, output()?], info.rows, info.width, When::Always)
            }
            Op::SelectRows => {
                let (x, info) = input(0)?;
                let quads = stride(info.width) / 4;
                let constants = vec![("QUADS", quads as f64)];
                let grid = Grid::per_row(row_groups(quads));
                let bound = [buffers.step(), x, output()?];
                self.emit.push(label, call(Kernel::SelectRows, constants, grid, Rows::Logits), &bound)
            }
            Op::Gated(activation) => Err(unsupported(label, &format!("a gate of {activation:?}"))),
            Op::Scale(_)
            | Op::SoftCap(_)
            | Op::Slice(_)
            | Op::Router(_)
            | Op::ExpertMatMul(_)
            | Op::WeightedSum
            | Op::Conv(_)
            | Op::DeltaNet(_) => Err(unsupported(label, node.op.name())),
            Op::Argmax => {
                let (logits, info) = input(0)?;
                let (candidates, token) =
                    (buffers.candidates.as_entire_binding(), buffers.token.as_entire_binding());
                let width = ("WIDTH", info.width as f64);
                let token_call = |kernel, constants, groups| Call {
                    kernel,
                    constants,
                    grid: Grid::Linear(groups),
                    rows: info.rows,
                    when: When::Token,
                };
                let parts = token_call(
                    Kernel::ArgmaxParts,
                    vec![width, ("STRIDE", stride(info.width) as f64)],
                    linnet_shaders::argmax::PARTS,
                );
                self.emit.push(label, parts, &[buffers.step(), logits, candidates.clone()])?;
                let last = token_call(Kernel::ArgmaxLast, vec![width], 1);
                self.emit.push(label, last, &[candidates, token])
            }
        }
    }

    /// `y = norm(x)`.
    #[allow(clippy::too_many_arguments, reason = "the parts of one dispatch")]
    pub fn norm(
        &mut self,
        label: &str,
        norm: Norm,
        x: BindingResource<'_>,
        y: BindingResource<'_>,
        rows: Rows,
        width: usize,
        when: When,
    ) -> Result<(), BackendError> {
        let constants = vec![
            ("WIDTH", width as f64),
            ("EPS", f64::from(norm.eps)),
            ("LOGITS", flag(rows == Rows::Logits)),
        ];
        let call = Call { kernel: Kernel::RmsNorm, constants, grid: Grid::per_row(1), rows, when };
        let bound = [self.buffers.step(), x, self.buffers.gain(Some(norm))?, y];
        self.emit.push(label, call, &bound)
    }

    /// `y = op(a, b)`; the buffers are a, b and y.
    pub fn elementwise(
        &mut self,
        label: &str,
        kernel: Kernel,
        [a, b, y]: [BindingResource<'_>; 3],
        rows: Rows,
        width: usize,
        when: When,
    ) -> Result<(), BackendError> {
        let quads = stride(width) / 4;
        let constants = vec![("QUADS", quads as f64), ("LOGITS", flag(rows == Rows::Logits))];
        let call = Call { kernel, constants, grid: Grid::per_row(row_groups(quads)), rows, when };
        self.emit.push(label, call, &[self.buffers.step(), a, b, y])
    }

    /// One dispatch for decoding, where the heads of a group are the queries, and one for prefill.
    fn attention(
        &mut self,
        label: &str,
        attention: &linnet_graph::Attention,
        q: BindingResource<'_>,
        y: BindingResource<'_>,
    ) -> Result<(), BackendError> {
        let linnet_graph::Attention { layer, heads, kv_heads, head_dim, scale, .. } = *attention;
        let plain = linnet_graph::Attention::new(layer, [heads, kv_heads], head_dim, scale);
        if *attention != plain {
            return Err(unsupported(label, "an attention with a window, a cap, sinks or a temperature"));
        }
        if head_dim % 4 != 0 || head_dim > attention::MAX_HEAD_DIM {
            return Err(unsupported_head(head_dim, 4));
        }
        let share = heads / kv_heads;
        let widest = if head_dim > attention::MAX_HEAD_DIM_WIDE { QUERIES[2] } else { QUERIES[3] };
        let narrow = QUERIES.into_iter().find(|q| *q as usize >= share).unwrap_or(widest).min(widest);
        let [keys, values] = self.buffers.kv(layer)?;
        for (queries, when) in [(narrow, When::OneRow), (widest, When::ManyRows)] {
            let constants = vec![
                ("HEADS", heads as f64),
                ("KV_HEADS", kv_heads as f64),
                ("HEAD_DIM", head_dim as f64),
                ("SCALE", f64::from(scale)),
            ];
            let grid = Grid::Rows { x: kv_heads as u32, factor: share as u32, tile: queries };
            let call =
                Call { kernel: Kernel::Attention { queries }, constants, grid, rows: Rows::Tokens, when };
            let bound = [self.buffers.step(), q.clone(), keys.clone(), values.clone(), y.clone()];
            self.emit.push(label, call, &bound)?;
        }
        Ok(())
    }
}

/// What has no kernel yet.
pub(crate) fn unsupported(label: &str, op: &str) -> BackendError {
    BackendError::UnsupportedOp { label: label.to_owned(), op: op.to_owned() }
}

fn unsupported_head(head_dim: usize, multiple: u64) -> BackendError {
    BackendError::Limit {
        what: format!("a head of {head_dim} elements (they must be a multiple of {multiple})"),
        limit: "head size",
        need: head_dim as u64,
        have: attention::MAX_HEAD_DIM as u64,
    }
}
