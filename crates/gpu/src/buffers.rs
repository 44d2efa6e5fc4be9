//! Everything that a program's kernels read and write besides the matrices.

use linnet_graph::{BackendError, CompileOptions, Norm, Op, Plan, Rope, Rows, Value, WeightId};
use wgpu::{BindingResource, BufferBinding, BufferUsages};

use crate::device::{Buffer, Device};
use crate::lower::cache;
use crate::rope::rotations;
use crate::weight::Weight;

/// Where the tokens begin in the step's buffer: the alignment that every device accepts for a binding.
const TOKENS_OFFSET: u64 = 256;
/// Bytes of the struct `Step` of the shaders.
const STEP_BYTES: u64 = 16;
/// Bytes of an f32.
const F32: u64 = size_of::<f32>() as u64;

/// Width of a row in memory: rows begin at whole vectors of four values.
pub(crate) fn stride(width: usize) -> usize {
    width.next_multiple_of(4)
}

/// The buffers of a program.
pub(crate) struct Buffers {
    /// Activations, as the plan has them.
    slots: Vec<Buffer>,
    /// Keys and values of each layer: `[positions, kv_heads, head_dim]`.
    kv: Vec<[Buffer; 2]>,
    /// Recurrent states, each twice: before a step and after it.
    states: Vec<Buffer>,
    /// Vectors among the weights, padded with zeros to whole vectors of four.
    vectors: Vec<Option<Buffer>>,
    /// Rotations of each different rope.
    rotations: Vec<(Rope, Buffer)>,
    /// Position, row counts and tokens of the step.
    step: Buffer,
    /// A norm's result between its dispatch and the matmul that it belongs to.
    normed: Buffer,
    /// Products of gate and up where these differ in format.
    products: [Buffer; 2],
    /// Candidates between the passes of argmax.
    pub candidates: Buffer,
    /// The step's token.
    pub token: Buffer,
    /// Bound where a kernel has a buffer that is not used.
    none: Buffer,
}

impl Buffers {
    pub fn new(
        device: &Device,
        plan: &Plan,
        weights: &[Weight],
        options: &CompileOptions,
    ) -> Result<Buffers, BackendError> {
        let graph = &plan.graph;
        let rows = |rows| match rows {
            Rows::Tokens => options.max_batch,
            Rows::Logits => options.max_logits,
        };
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
        let (mut normed, mut gated) = (0, 0);
        for node in &graph.nodes {
            let Op::MatMul(matmul) = &node.op else { continue };
            let input = graph.value(node.inputs[0]);
            if matmul.norm.is_some() {
                normed = normed.max(rows(input.rows) * stride(input.width));
            }
            if let [gate, up] = matmul.projections.as_slice()
                && graph.weight(gate.weight).dtype != graph.weight(up.weight).dtype
            {
                gated = gated.max(rows(input.rows) * stride(graph.weight(gate.weight).rows));
            }
        }
        let tokens = options.max_batch as u64 * F32;
        let copied = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        Ok(Buffers {
            slots: slots.collect::<Result<_, _>>()?,
            kv: kv.collect::<Result<_, BackendError>>()?,
            states: states.collect::<Result<_, _>>()?,
            vectors: vectors.collect::<Result<_, BackendError>>()?,
            rotations: Vec::new(),
            step: device.buffer(
                "step",
                TOKENS_OFFSET + tokens,
                BufferUsages::STORAGE | BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            )?,
            normed: floats("normed activations", 1, normed)?,
            products: [floats("gate", 1, gated)?, floats("up", 1, gated)?],
            candidates: floats("argmax candidates", linnet_shaders::argmax::PARTS as usize, 2)?,
            token: device.buffer("token", F32, copied)?,
            none: floats("nothing", 1, 64)?,
        })
    }

    /// Makes the table of rotations of a rope, unless one like it is there already.
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
        self.rotations.iter().find(|(other, _)| rope.turns_like(other)).map(|(_, buffer)| buffer)
    }

    /// The rotations of a rope that was prepared.
    pub fn rope(&self, rope: &Rope) -> Result<BindingResource<'_>, BackendError> {
        let buffer = self.find_rope(rope).ok_or_else(|| internal("a rope was not prepared"))?;
        Ok(buffer.as_entire_binding())
    }

    /// The buffer of an activation.
    pub fn value_buffer(&self, plan: &Plan, value: Value) -> Result<&Buffer, BackendError> {
        let slot = plan.slot(value).and_then(|slot| self.slots.get(slot.0 as usize));
        slot.ok_or_else(|| internal("an activation has no slot"))
    }

    /// An activation.
    pub fn value(&self, plan: &Plan, value: Value) -> Result<BindingResource<'_>, BackendError> {
        Ok(self.value_buffer(plan, value)?.as_entire_binding())
    }

    /// A vector among the weights, or a stand-in for none.
    pub fn vector(&self, id: Option<WeightId>) -> Result<BindingResource<'_>, BackendError> {
        let Some(id) = id else { return Ok(self.none()) };
        match self.vectors.get(id.0 as usize) {
            Some(Some(buffer)) => Ok(buffer.as_entire_binding()),
            _ => Err(internal("a matrix is used as a vector")),
        }
    }

    /// The scale of a norm, or a stand-in.
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

    pub fn product(&self, which: usize) -> BindingResource<'_> {
        self.products[which].as_entire_binding()
    }

    pub fn none(&self) -> BindingResource<'_> {
        self.none.as_entire_binding()
    }

    /// The struct `Step`.
    pub fn step(&self) -> BindingResource<'_> {
        self.step_part(0, Some(STEP_BYTES))
    }

    /// The step's tokens.
    pub fn tokens(&self) -> BindingResource<'_> {
        self.step_part(TOKENS_OFFSET, None)
    }

    fn step_part(&self, offset: u64, size: Option<u64>) -> BindingResource<'_> {
        let size = size.and_then(std::num::NonZeroU64::new);
        BindingResource::Buffer(BufferBinding { buffer: &self.step, offset, size })
    }

    /// Queues the values of the next step; `half` of each recurrent state holds before it.
    pub fn write_step(&self, device: &Device, position: u32, tokens: &[u32], logits: u32, half: u32) {
        let mut words = vec![0; (TOKENS_OFFSET / F32) as usize];
        words[..4].copy_from_slice(&[position, tokens.len() as u32, logits, half]);
        words.extend_from_slice(tokens);
        device.queue.write_buffer(&self.step, 0, bytemuck::cast_slice(&words));
    }

    /// Bytes of vectors and tables.
    pub fn constant_bytes(&self) -> u64 {
        let vectors = self.vectors.iter().flatten().map(|buffer| buffer.size());
        vectors.chain(self.rotations.iter().map(|(_, buffer)| buffer.size())).sum()
    }

    /// Bytes of the KV cache and of recurrent states.
    pub fn kv_bytes(&self) -> u64 {
        self.kv.iter().flatten().chain(&self.states).map(|buffer| buffer.size()).sum()
    }

    /// Bytes of activations and other passing values.
    pub fn scratch_bytes(&self) -> u64 {
        let single = [&self.step, &self.normed, &self.candidates, &self.token, &self.none];
        let all = self.slots.iter().chain(&self.products).chain(single);
        all.map(|buffer| buffer.size()).sum()
    }
}

/// A buffer with values that stay.
fn constant(device: &Device, what: &str, values: &[f32]) -> Result<Buffer, BackendError> {
    let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
    let buffer = device.buffer(what, values.len() as u64 * F32, usage)?;
    device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
    Ok(buffer)
}

pub(crate) fn internal(what: &str) -> BackendError {
    BackendError::Internal(what.to_owned())
}
