//! From the nodes of a plan to dispatches.

mod attention;
mod buffers;
mod context;
mod dispatch;
mod elementwise;
mod matmul;
mod mixture;
mod norm;
mod product;
mod recurrent;
mod rotations;
mod sampling;

use linnet_graph::{BackendError, CompileOptions, FusedOp, Node, Plan, RopeStyle, Rows};
use linnet_shaders::Kernel;

pub(crate) use self::buffers::Buffers;
use self::context::{Call, Emitter, Lowering};
use self::dispatch::When;
pub(crate) use self::dispatch::{Cost, Dispatch, Extent, Grid};
use crate::error::unsupported_width;
use crate::kernels::Gpu;
use crate::layout::{flag, row_groups, stride};
use crate::weights::Weight;

/// The dispatches of a plan.
pub(crate) fn lower(
    gpu: &Gpu,
    plan: &Plan<FusedOp>,
    weights: &[Weight],
    buffers: &Buffers,
    options: CompileOptions,
) -> Result<Vec<Dispatch>, BackendError> {
    let emit = Emitter { gpu, options, step: buffers.step(), dispatches: Vec::new() };
    let mut lowering = Lowering { plan, weights, buffers, emit, index: 0 };
    for (index, node) in plan.graph.nodes.iter().enumerate() {
        lowering.index = index;
        lowering.node(node)?;
    }
    Ok(lowering.emit.dispatches)
}

impl<'a> Lowering<'a> {
    fn node(&mut self, node: &'a Node<FusedOp>) -> Result<(), BackendError> {
        let (buffers, label) = (self.buffers, node.label.as_str());
        match &node.op {
            FusedOp::Embed { table, factor } => self.embed(node, *table, *factor),
            FusedOp::RmsNorm(norm) => {
                let (x, info) = self.input(node, 0)?;
                self.norm(label, *norm, [x, self.output(node, 0)?], info, When::Always)
            }
            FusedOp::NormAdd(add) => {
                let ((x, info), (residual, _)) = (self.input(node, 0)?, self.input(node, 1)?);
                self.norm_add(label, *add, [x, residual, self.output(node, 0)?], info, When::Always)
            }
            FusedOp::MatMul(matmul) => self.matmul(node, matmul),
            FusedOp::Rope(rope) => {
                let (x, _) = self.input(node, 0)?;
                if rope.head_dim % 2 != 0 {
                    return Err(unsupported_width(label, rope.head_dim, 2));
                }
                let constants = vec![
                    ("HEADS", rope.heads as f64),
                    ("HEAD_DIM", rope.head_dim as f64),
                    ("PAIRS", rope.frequencies.len() as f64),
                    ("HALVES", flag(rope.style == RopeStyle::Halves)),
                    ("STRIDE", stride(rope.heads * rope.head_dim) as f64),
                ];
                let grid = Grid::per_row(row_groups(rope.heads * rope.head_dim / 2));
                let bound = [buffers.step(), buffers.rope(rope)?, x, self.output(node, 0)?];
                self.always(node, (Kernel::Rope, constants), (grid, Rows::Tokens), &bound)
            }
            FusedOp::StoreKv { layer } => self.store_kv(node, *layer),
            FusedOp::Attention(attention) => {
                let (q, _) = self.input(node, 0)?;
                self.attention(label, attention, q, self.output(node, 0)?)
            }
            FusedOp::SelfAttention(attention) => self.self_attention(node, attention),
            FusedOp::Add => self.add(node),
            FusedOp::Gated(activation) => {
                let ((gate, info), (up, _)) = (self.input(node, 0)?, self.input(node, 1)?);
                let buffers = [gate, up, self.output(node, 0)?];
                self.gated(label, *activation, buffers, info, When::Always)
            }
            FusedOp::GatedParts(parts) => {
                let gate = self.input(node, 0)?;
                let up = if node.inputs.len() > 1 { self.input(node, 1)? } else { gate.clone() };
                let y = (self.output(node, 0)?, self.plan.graph.value(node.outputs[0]).width);
                self.gated_parts(label, parts, [gate, up], y, When::Always)
            }
            FusedOp::Scale(scale) => self.scale(node, scale),
            FusedOp::SoftCap(cap) => self.soft_cap(node, *cap),
            FusedOp::Slice(slice) => self.slice(node, slice),
            FusedOp::Router(router) => self.router(node, router),
            FusedOp::ExpertMatMul(experts) => self.expert_matmul(node, experts),
            FusedOp::GatedExperts(experts) => self.gated_experts(node, experts),
            FusedOp::ExpertSum(experts) => self.expert_sum(node, experts),
            FusedOp::WeightedSum => self.weighted_sum(node),
            FusedOp::Conv(conv) => self.conv(node, conv),
            FusedOp::GatedConv(conv) => self.gated_conv(node, conv),
            FusedOp::DeltaNet(net) => self.delta_net(node, net),
            FusedOp::SelectRows => {
                let (x, info) = self.input(node, 0)?;
                let quads = stride(info.width) / 4;
                let constants = vec![("QUADS", quads as f64)];
                let grid = Grid::per_row(row_groups(quads));
                let bound = [buffers.step(), x, self.output(node, 0)?];
                let alone = self.is_selection_for_product(node);
                let when = if alone { When::ManyTokens } else { When::Always };
                let call = Call { kernel: Kernel::SelectRows, constants, grid, rows: Rows::Logits, when };
                self.emit.push(label, call, &bound)
            }
            FusedOp::Argmax => self.sample(node),
        }
    }
}
