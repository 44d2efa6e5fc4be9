//! The buffers of a program's kernels, except the matrices.

use std::collections::HashMap;

use linnet_graph::{
    Attention, BackendError, CompileOptions, FusedEpilogue, FusedMatMul, FusedOp, Node, Norm, Plan,
    Projection, Rope, Value, WeightId,
};
use linnet_shaders::attention;
use wgpu::{BindingResource, BufferUsages};

use crate::device::{Buffer, Device};
use crate::error::internal;
use crate::kernels::Gpu;
use crate::layout::{F32, LONG_CONTEXT, SamplingParams, Step, cache, stride};
use crate::lower::rotations::rotations;
use crate::weights::Weight;

/// The buffers of a program.
pub(crate) struct Buffers {
    /// Activation slots of the plan.
    slots: Vec<Buffer>,
    /// Keys and values of each layer: `[positions, kv_heads, head_dim]`.
    kv: Vec<[Buffer; 2]>,
    /// Recurrent states, each twice: before and after a step.
    states: Vec<Buffer>,
    /// Vectors among the weights, padded with zeros to whole vectors of four.
    vectors: Vec<Option<Buffer>>,
    /// The rotation table of each distinct rope.
    rotations: Vec<(Rope, Buffer)>,
    /// Position and row counts of the step.
    step: Buffer,
    /// The token at each position of the context, and one after it.
    pub history: Buffer,
    /// The struct `SamplingParams`.
    sampling: Buffer,
    /// A count for each token, which `sample` leaves at zero.
    counts: Buffer,
    /// A norm's result between its dispatch and the matmul that it belongs to.
    normed: Buffer,
    /// Staged rows and their blocks, between the dispatch of `stage_rows` and the matmul.
    staged: [Buffer; 2],
    /// Normalized and rotated queries of several tokens.
    queries: Buffer,
    /// Partial results of workgroups that share the attention of one token.
    parts: Buffer,
    /// The concatenated vectors of a node's weights: biases of joined products, gains of heads.
    of_nodes: HashMap<usize, Buffer>,
    /// Products of gate and up if these differ in format.
    products: [Buffer; 2],
    /// Bound in place of a buffer that a kernel does not use.
    none: Buffer,
}

impl Buffers {
    pub fn new(
        gpu: &Gpu,
        plan: &Plan<FusedOp>,
        weights: &[Weight],
        options: &CompileOptions,
    ) -> Result<Buffers, BackendError> {
        let (device, graph) = (&gpu.device, &plan.graph);
        let rows = |rows| options.max_rows(rows);
        let floats = |what: &str, rows: usize, width: usize| {
            let bytes = rows as u64 * stride(width) as u64 * F32;
            device.buffer(what, bytes, BufferUsages::STORAGE | BufferUsages::COPY_SRC)
        };
        let slots = plan.slots.iter().map(|slot| floats("activations", rows(slot.rows), slot.width));
        let kv = graph.kv_layers.iter().enumerate().map(|(layer, kv)| {
            let words = kv.kv_heads * cache(options.kv).head_words(kv.head_dim);
            let bytes = kv.positions(options) as u64 * words as u64 * F32;
            let make = || device.buffer(&format!("KV cache of layer {layer}"), bytes, BufferUsages::STORAGE);
            Ok([make()?, make()?])
        });
        let states = graph.states.iter().enumerate().map(|(index, len)| {
            device.buffer(&format!("state {index}"), 2 * *len as u64 * F32, BufferUsages::STORAGE)
        });
        let vectors = weights.iter().map(|weight| {
            let Some(mut values) = weight.floats() else { return Ok(None) };
            values.resize(stride(values.len()), 0.0);
            constant(device, &weight.spec.name, &values).map(Some)
        });
        let (mut normed, mut gated, mut queries, mut staged, mut parts) = (0, 0, 0, 0, 0);
        let mut of_nodes = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            let values = of_node(plan, weights, node);
            if !values.is_empty() {
                of_nodes.insert(index, constant(device, &format!("vectors of {}", node.label), &values)?);
            }
            if let (FusedOp::SelfAttention(_), [output, ..]) = (&node.op, node.outputs.as_slice()) {
                queries = queries.max(graph.value(*output).width);
            }
            let attended = match &node.op {
                FusedOp::Attention(attention) => Some(attention),
                FusedOp::SelfAttention(op) => Some(&op.attention),
                _ => None,
            };
            if let Some(Attention { heads, head_dim, .. }) = attended {
                let splits = attention::splits(options.context_length as u32) as usize;
                parts = parts.max(heads * splits * (head_dim + 4));
            }
            let norm = match &node.op {
                FusedOp::MatMul(matmul) => matmul.norm,
                FusedOp::GatedExperts(experts) => experts.norm,
                _ => None,
            };
            if norm.is_some() {
                let input = graph.value(node.inputs[0]);
                normed = normed.max(rows(input.rows) * stride(input.width));
            }
            let FusedOp::MatMul(matmul) = &node.op else { continue };
            let input = graph.value(node.inputs[0]);
            staged = staged.max(rows(input.rows) * input.width.div_ceil(32));
            if let (FusedEpilogue::GatedHalves(_), [both]) = (matmul.epilogue, matmul.projections.as_slice())
                && weights.get(both.weight.0 as usize).is_some_and(|weight| !weight.is_in_one_part())
            {
                gated = gated.max(rows(input.rows) * stride(graph.weight(both.weight).rows));
            }
            if let [gate, up] = matmul.projections.as_slice()
                && graph.weight(gate.weight).dtype != graph.weight(up.weight).dtype
            {
                gated = gated.max(rows(input.rows) * stride(graph.weight(gate.weight).rows));
            }
        }
        let vocabulary = graph.value(graph.logits).width as u64;
        let math = gpu.config.selected().math;
        let inputs = u64::from(math.block_bytes() - math.block_bytes().min(16));
        let blocks =
            |bytes: u64| device.buffer("staged activations", staged as u64 * bytes, BufferUsages::STORAGE);
        let written = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let history = (options.context_length as u64 + 1) * F32;
        Ok(Buffers {
            slots: slots.collect::<Result<_, _>>()?,
            kv: kv.collect::<Result<_, BackendError>>()?,
            states: states.collect::<Result<_, _>>()?,
            vectors: vectors.collect::<Result<_, BackendError>>()?,
            rotations: Vec::new(),
            step: device.buffer("step", Step::BYTES, written | BufferUsages::UNIFORM)?,
            history: device.buffer("history", history, written | BufferUsages::COPY_SRC)?,
            sampling: device.buffer(
                "sampling parameters",
                SamplingParams::BYTES,
                BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            )?,
            counts: device.buffer("counts", vocabulary * F32, BufferUsages::STORAGE)?,
            normed: floats("normed activations", 1, normed)?,
            staged: [blocks(inputs)?, blocks(u64::from(math.block_bytes()).min(16))?],
            queries: floats("queries", options.max_batch, queries)?,
            parts: floats(
                "parts of attention",
                1,
                if options.context_length as u32 > LONG_CONTEXT { parts } else { 0 },
            )?,
            of_nodes,
            products: [floats("gate", 1, gated)?, floats("up", 1, gated)?],
            none: floats("nothing", 1, 64)?,
        })
    }

    /// Makes the rotation table of a rope, unless there is an equal one.
    pub fn prepare_rope(
        &mut self,
        device: &Device,
        rope: &Rope,
        factors: Option<&[f32]>,
        context: usize,
    ) -> Result<(), BackendError> {
        if self.find_rope(rope).is_none() {
            let table = rotations(&rope.frequencies, factors, rope.magnitude, context);
            let buffer = constant(device, "rotations", &table)?;
            self.rotations.push((rope.clone(), buffer));
        }
        Ok(())
    }

    fn find_rope(&self, rope: &Rope) -> Option<&Buffer> {
        self.rotations.iter().find(|(other, _)| rope.has_same_rotation(other)).map(|(_, buffer)| buffer)
    }

    /// The rotation table of a rope.
    pub fn rope(&self, rope: &Rope) -> Result<BindingResource<'_>, BackendError> {
        let buffer = self.find_rope(rope).ok_or_else(|| internal("a rope has no rotation table"))?;
        Ok(buffer.as_entire_binding())
    }

    /// The buffer of an activation.
    pub fn value_buffer(&self, plan: &Plan<FusedOp>, value: Value) -> Result<&Buffer, BackendError> {
        let slot = plan.slot(value).and_then(|slot| self.slots.get(slot.0 as usize));
        slot.ok_or_else(|| internal("an activation has no slot"))
    }

    /// An activation.
    pub fn value(&self, plan: &Plan<FusedOp>, value: Value) -> Result<BindingResource<'_>, BackendError> {
        Ok(self.value_buffer(plan, value)?.as_entire_binding())
    }

    /// A vector among the weights; without one, an unused buffer.
    pub fn vector(&self, id: Option<WeightId>) -> Result<BindingResource<'_>, BackendError> {
        let Some(id) = id else { return Ok(self.none()) };
        match self.vectors.get(id.0 as usize) {
            Some(Some(buffer)) => Ok(buffer.as_entire_binding()),
            _ => Err(internal("a matrix is used as a vector")),
        }
    }

    /// The gain of a norm; without one, an unused buffer.
    pub fn gain(&self, norm: Option<Norm>) -> Result<BindingResource<'_>, BackendError> {
        self.vector(norm.and_then(|norm| norm.weight))
    }

    /// Keys and values of a layer.
    pub fn kv(&self, layer: usize) -> Result<[BindingResource<'_>; 2], BackendError> {
        let [keys, values] = self.kv.get(layer).ok_or_else(|| internal("a layer has no KV cache"))?;
        Ok([keys.as_entire_binding(), values.as_entire_binding()])
    }

    /// A recurrent state.
    pub fn state(&self, index: usize) -> Result<BindingResource<'_>, BackendError> {
        let state = self.states.get(index).ok_or_else(|| internal("no such recurrent state"))?;
        Ok(state.as_entire_binding())
    }

    pub fn normed(&self) -> BindingResource<'_> {
        self.normed.as_entire_binding()
    }

    /// Staged rows, and their blocks.
    pub fn staged(&self) -> [BindingResource<'_>; 2] {
        self.staged.each_ref().map(|buffer| buffer.as_entire_binding())
    }

    pub fn queries(&self) -> BindingResource<'_> {
        self.queries.as_entire_binding()
    }

    pub fn parts(&self) -> BindingResource<'_> {
        self.parts.as_entire_binding()
    }

    /// The concatenated vectors of the node with this index; without any, an unused buffer.
    pub fn of_node(&self, index: usize) -> BindingResource<'_> {
        self.of_nodes.get(&index).map_or_else(|| self.none(), |buffer| buffer.as_entire_binding())
    }

    pub fn product(&self, which: usize) -> BindingResource<'_> {
        self.products[which].as_entire_binding()
    }

    pub fn none(&self) -> BindingResource<'_> {
        self.none.as_entire_binding()
    }

    /// The struct `Step`.
    pub fn step(&self) -> BindingResource<'_> {
        self.step.as_entire_binding()
    }

    /// The token at each position.
    pub fn history(&self) -> BindingResource<'_> {
        self.history.as_entire_binding()
    }

    /// The sampling parameters, and the counts of tokens.
    pub fn sampling(&self) -> [BindingResource<'_>; 2] {
        [self.sampling.as_entire_binding(), self.counts.as_entire_binding()]
    }

    /// Queues a write of the next step; `half` is the half of each recurrent state that it reads.
    pub fn write_step(&self, device: &Device, position: usize, tokens: &[u32], logits: u32, half: u32) {
        let step = Step::new(position, tokens.len(), logits, half);
        device.calls.write(&self.step, Step::WRITTEN_AT, step.written());
        device.calls.write(&self.history, position as u64 * F32, bytemuck::cast_slice(tokens));
    }

    /// Queues a write of the sampling parameters.
    pub fn write_sampling(&self, device: &Device, params: &SamplingParams) {
        device.calls.write(&self.sampling, 0, bytemuck::bytes_of(params));
    }

    /// Bytes of vectors and tables.
    pub fn constant_bytes(&self) -> u64 {
        let vectors = self.vectors.iter().flatten().map(|buffer| buffer.size());
        let tables = self.rotations.iter().map(|(_, buffer)| buffer).chain(self.of_nodes.values());
        vectors.chain(tables.map(|buffer| buffer.size())).sum()
    }

    /// Bytes of the KV cache and of recurrent states.
    pub fn kv_bytes(&self) -> u64 {
        self.kv.iter().flatten().chain(&self.states).map(|buffer| buffer.size()).sum()
    }

    /// Bytes of activations and other temporary values.
    pub fn scratch_bytes(&self) -> u64 {
        let single = [&self.normed, &self.queries, &self.parts, &self.none];
        let single = single.into_iter().chain([&self.step, &self.history, &self.sampling, &self.counts]);
        let all = self.slots.iter().chain(&self.products).chain(&self.staged).chain(single);
        all.map(|buffer| buffer.size()).sum()
    }
}

/// The vectors of a node, concatenated for one buffer; empty if its kernels bind them separately.
fn of_node(plan: &Plan<FusedOp>, weights: &[Weight], node: &Node<FusedOp>) -> Vec<f32> {
    let floats = |id: WeightId| weights.get(id.0 as usize).and_then(Weight::floats);
    match &node.op {
        FusedOp::MatMul(FusedMatMul { fused_add_norm: Some(add), norm, .. }) => {
            let gain = |norm: Option<Norm>| {
                let mut gain = norm.and_then(|norm| norm.weight).and_then(floats).unwrap_or_default();
                gain.resize(stride(add.norm.width), 0.0);
                gain
            };
            let factor = add.scale.and_then(floats).and_then(|scale| scale.first().copied());
            [gain(*norm), gain(Some(add.norm)), vec![factor.unwrap_or(1.0); 4]].concat()
        }
        FusedOp::MatMul(matmul) if matmul.epilogue == FusedEpilogue::Joined => {
            if matmul.projections.iter().all(|projection| projection.bias.is_none()) {
                return Vec::new();
            }
            let bias = |projection: &Projection| {
                let mut bias = projection.bias.and_then(floats).unwrap_or_default();
                bias.resize(plan.graph.weight(projection.weight).rows, 0.0);
                bias
            };
            matmul.projections.iter().flat_map(bias).collect()
        }
        FusedOp::SelfAttention(op) if op.norms.iter().any(Option::is_some) => {
            let gain = |norm: &Option<Norm>| {
                let gain = norm.and_then(|norm| norm.weight).and_then(floats).unwrap_or_default();
                let ones = std::iter::repeat_n(1.0, op.attention.head_dim - gain.len());
                gain.into_iter().chain(ones).collect::<Vec<_>>()
            };
            op.norms.iter().flat_map(gain).collect()
        }
        _ => Vec::new(),
    }
}

/// A buffer with constant values.
fn constant(device: &Device, what: &str, values: &[f32]) -> Result<Buffer, BackendError> {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
    let buffer = device.buffer(what, values.len() as u64 * F32, usage)?;
    device.calls.write(&buffer, 0, bytemuck::cast_slice(values));
    Ok(buffer)
}
