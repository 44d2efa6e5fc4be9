//! From the nodes of a plan to dispatches.

pub(crate) mod attention;
pub(crate) mod buffers;
pub(crate) mod dispatch;
pub(crate) mod elementwise;
pub(crate) mod matmul;
pub(crate) mod mixture;
pub(crate) mod product;
pub(crate) mod recurrent;
pub(crate) mod rotations;
pub(crate) mod sampling;

use linnet_graph::{
    BackendError, CompileOptions, KvFormat, Node, Norm, NormAdd, Op, Plan, RopeStyle, Rows, Value, ValueInfo,
    WeightId,
};
use linnet_shaders::{Cache, Kernel, rows};
use wgpu::BindingResource;

use crate::device::Device;
use crate::kernels::pipelines::Constants;
use crate::lower::buffers::{Buffers, internal, stride};
use crate::lower::dispatch::{Dispatch, Grid, When};
use crate::program::profile::Cost;
use crate::weights::weight::Weight;

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
    /// The struct `Step`.
    pub step: BindingResource<'a>,
    pub dispatches: Vec<Dispatch>,
}

impl Emitter<'_> {
    /// Appends a dispatch; the buffers in the order of their bindings.
    pub fn push(
        &mut self,
        label: &str,
        call: Call,
        buffers: &[BindingResource<'_>],
    ) -> Result<(), BackendError> {
        let label = format!("{} {label}", call.kernel.name());
        call.grid.validate(&label, self.options.max_rows(call.rows) as u32)?;
        let mut pipelines = self.device.pipelines.borrow_mut();
        let pipeline = pipelines.get(&self.device.calls, call.kernel, &call.constants);
        let last = call.kernel.looks_for_end().then_some(&self.step);
        let entries: Vec<_> = (0..)
            .zip(buffers.iter().chain(last))
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource: resource.clone() })
            .collect();
        let bindings = self.device.calls.bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&label),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let Call { grid, rows, when, .. } = call;
        self.dispatches.push(Dispatch { label, cost: Cost::default(), pipeline, bindings, grid, rows, when });
        Ok(())
    }

    /// Says what the last dispatch reads and computes.
    pub fn weigh(&mut self, cost: Cost) {
        if let Some(last) = self.dispatches.last_mut() {
            last.cost = cost;
        }
    }
}

/// Lowers one plan.
pub(crate) struct Lowering<'a> {
    pub plan: &'a Plan,
    pub weights: &'a [Weight],
    pub buffers: &'a Buffers,
    pub emit: Emitter<'a>,
    /// Index of the node that is being lowered.
    pub index: usize,
}

/// The dispatches of a plan.
pub(crate) fn lower(
    device: &Device,
    plan: &Plan,
    weights: &[Weight],
    buffers: &Buffers,
    options: CompileOptions,
) -> Result<Vec<Dispatch>, BackendError> {
    let emit = Emitter { device, options, step: buffers.step(), dispatches: Vec::new() };
    let mut lowering = Lowering { plan, weights, buffers, emit, index: 0 };
    for (index, node) in plan.graph.nodes.iter().enumerate() {
        lowering.index = index;
        lowering.node(node)?;
    }
    Ok(lowering.emit.dispatches)
}

/// A flag as the value of an override constant.
pub(crate) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// Workgroups for so many items of a row.
pub(crate) fn row_groups(items: usize) -> u32 {
    items.div_ceil(rows::THREADS as usize) as u32
}

impl<'a> Lowering<'a> {
    /// An activation's buffer.
    pub fn value(&self, value: Value) -> Result<BindingResource<'a>, BackendError> {
        self.buffers.value(self.plan, value)
    }

    /// A node's input with its shape.
    pub fn input(&self, node: &Node, index: usize) -> Result<(BindingResource<'a>, ValueInfo), BackendError> {
        let value = *node.inputs.get(index).ok_or_else(|| internal("a node lacks an input"))?;
        Ok((self.value(value)?, self.plan.graph.value(value)))
    }

    /// A node's output.
    pub fn output(&self, node: &Node, index: usize) -> Result<BindingResource<'a>, BackendError> {
        let value = *node.outputs.get(index).ok_or_else(|| internal("a node lacks an output"))?;
        self.value(value)
    }

    /// A dispatch that runs in every step, for rows of kind `rows`.
    pub fn always(
        &mut self,
        node: &Node,
        (kernel, constants): (Kernel, Constants),
        (grid, rows): (Grid, Rows),
        buffers: &[BindingResource<'_>],
    ) -> Result<(), BackendError> {
        let call = Call { kernel, constants, grid, rows, when: When::Always };
        self.emit.push(&node.label, call, buffers)
    }

    fn node(&mut self, node: &'a Node) -> Result<(), BackendError> {
        let (buffers, label) = (self.buffers, node.label.as_str());
        match &node.op {
            Op::Embed { table, factor } => self.embed(node, *table, *factor),
            Op::RmsNorm(norm) => {
                let (x, info) = self.input(node, 0)?;
                self.norm(label, *norm, [x, self.output(node, 0)?], info, When::Always)
            }
            Op::NormAdd(add) => {
                let ((x, info), (residual, _)) = (self.input(node, 0)?, self.input(node, 1)?);
                self.norm_add(label, *add, [x, residual, self.output(node, 0)?], info, When::Always)
            }
            Op::MatMul(matmul) => self.matmul(node, matmul),
            Op::Rope(rope) => {
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
            Op::StoreKv { layer } => self.store_kv(node, *layer),
            Op::Attention(attention) => {
                let (q, _) = self.input(node, 0)?;
                self.attention(label, attention, q, self.output(node, 0)?)
            }
            Op::SelfAttention(attention) => self.self_attention(node, attention),
            Op::Add => self.add(node),
            Op::Gated(activation) => {
                let ((gate, info), (up, _)) = (self.input(node, 0)?, self.input(node, 1)?);
                let buffers = [gate, up, self.output(node, 0)?];
                self.gated(label, *activation, buffers, info, When::Always)
            }
            Op::GatedParts(parts) => {
                let gate = self.input(node, 0)?;
                let up = if node.inputs.len() > 1 { self.input(node, 1)? } else { gate.clone() };
                let y = (self.output(node, 0)?, self.plan.graph.value(node.outputs[0]).width);
                self.gated_parts(label, parts, [gate, up], y, When::Always)
            }
            Op::Scale(scale) => self.scale(node, scale),
            Op::SoftCap(cap) => self.soft_cap(node, *cap),
            Op::Slice(slice) => self.slice(node, slice),
            Op::Router(router) => self.router(node, router),
            Op::ExpertMatMul(experts) => self.expert_matmul(node, experts),
            Op::GatedExperts(experts) => self.gated_experts(node, experts),
            Op::ExpertSum(experts) => self.expert_sum(node, experts),
            Op::WeightedSum => self.weighted_sum(node),
            Op::Conv(conv) => self.conv(node, conv),
            Op::GatedConv(conv) => self.gated_conv(node, conv),
            Op::DeltaNet(net) => self.delta_net(node, net),
            Op::SelectRows => {
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
            Op::Argmax => self.choose(node),
        }
    }

    /// `y = norm(x)`, of x of the shape `info`.
    pub fn norm(
        &mut self,
        label: &str,
        norm: Norm,
        [x, y]: [BindingResource<'_>; 2],
        info: ValueInfo,
        when: When,
    ) -> Result<(), BackendError> {
        self.norms(label, norm, ([x, y], None), info, when)
    }

    /// `y = scale * (residual + norm(x))`; the buffers are x, residual and y.
    pub fn norm_add(
        &mut self,
        label: &str,
        add: NormAdd,
        [x, residual, y]: [BindingResource<'_>; 3],
        info: ValueInfo,
        when: When,
    ) -> Result<(), BackendError> {
        self.norms(label, add.norm, ([x, y], Some((residual, add.scale))), info, when)
    }

    fn norms(
        &mut self,
        label: &str,
        norm: Norm,
        ([x, y], added): ([BindingResource<'_>; 2], Option<(BindingResource<'_>, Option<WeightId>)>),
        info: ValueInfo,
        when: When,
    ) -> Result<(), BackendError> {
        let parts = info.width / norm.width;
        if parts > 1 && !norm.width.is_multiple_of(4) {
            return Err(unsupported_width(label, norm.width, 4));
        }
        let mut constants = vec![
            ("WIDTH", norm.width as f64),
            ("PARTS", parts as f64),
            ("GAIN", flag(norm.weight.is_some())),
            ("EPS", f64::from(norm.eps)),
            ("LOGITS", flag(info.rows == Rows::Logits)),
        ];
        let grid = Grid::per_row(parts as u32);
        let kernel = Kernel::RmsNorm { adds: added.is_some() };
        let mut bound = vec![self.buffers.step(), x, self.buffers.gain(Some(norm))?, y];
        if let Some((residual, scale)) = added {
            constants.push(("SCALED", flag(scale.is_some())));
            bound.extend([residual, self.buffers.vector(scale)?]);
        }
        let call = Call { kernel, constants, grid, rows: info.rows, when };
        self.emit.push(label, call, &bound)
    }
}

/// The kernels' name for a format of the KV cache.
pub(crate) fn cache(format: KvFormat) -> Cache {
    match format {
        KvFormat::F16 => Cache::F16,
        KvFormat::F32 => Cache::F32,
        KvFormat::Q8_0 => Cache::Q8_0,
    }
}

/// A head, or another part of a row, of a width that the kernels do not take.
pub(crate) fn unsupported_width(label: &str, width: usize, multiple: usize) -> BackendError {
    BackendError::UnsupportedOp {
        label: label.to_owned(),
        op: format!(
            "parts of {width} elements, which are no multiple of {multiple} or more than {}",
            linnet_shaders::attention::MAX_HEAD_DIM
        ),
    }
}
