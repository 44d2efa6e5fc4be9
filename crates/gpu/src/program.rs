//! A compiled plan and its replay.

use linnet_graph::{
    BackendError, CompileOptions, MemoryUse, Op, Output, Plan, Reach, Step, Want, fuse_launches,
};
use wgpu::BufferUsages;

use crate::buffers::{Buffers, internal, stride};
use crate::device::{Buffer, Device};
use crate::dispatch::Dispatch;
use crate::join::join;
use crate::lower::lower;
use crate::recurrent::Progress;
use crate::weight::Weight;

/// A plan with its weights, KV cache and activations on the device, and everything that running it needs.
pub struct Program {
    options: CompileOptions,
    dispatches: Vec<Dispatch>,
    buffers: Buffers,
    weights: Vec<Weight>,
    plan: Plan,
    readback: Buffer,
    progress: Progress,
    reach: Reach,
}

impl Program {
    pub(crate) async fn compile(
        device: &Device,
        plan: &Plan,
        mut weights: Vec<Weight>,
        options: CompileOptions,
    ) -> Result<Program, BackendError> {
        check(plan, &weights, &options)?;
        let plan = &Plan::new(fuse_launches(plan.graph.clone()));
        join(device, plan, &mut weights).await?;
        let mut buffers = Buffers::new(device, plan, &weights, &options)?;
        for node in &plan.graph.nodes {
            let rope = match &node.op {
                Op::Rope(rope) => Some(rope),
                Op::SelfAttention(attention) => attention.rope.as_ref(),
                _ => None,
            };
            if let Some(rope) = rope {
                let factors = rope.factors.map(|factors| factors.of_context(options.context_length));
                let factors = factors.and_then(|id| weights.get(id.0 as usize)?.floats());
                buffers.prepare_rope(device, rope, factors.as_deref(), options.context_length)?;
            }
        }
        let logits = plan.graph.value(plan.graph.logits);
        let bytes = (options.max_logits * stride(logits.width) * size_of::<f32>()) as u64;
        let readback = device.buffer("results", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        device.settle().await?;

        let scope = device.calls.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let dispatches = lower(device, plan, &weights, &buffers, options);
        let invalid = scope.pop();
        if let Some(error) = invalid.await {
            return Err(BackendError::Internal(error.to_string()));
        }
        device.calls.submit(None);
        device.idle().await?;
        Ok(Program {
            options,
            dispatches: dispatches?,
            buffers,
            weights,
            plan: plan.clone(),
            readback,
            progress: Progress::default(),
            reach: Reach::new(&plan.graph, &options),
        })
    }

    /// Runs one step.
    pub(crate) async fn run(&mut self, device: &Device, step: Step<'_>) -> Result<Output, BackendError> {
        device.faults.check()?;
        let logits = self.validate(&step)?;
        let tokens = step.tokens.len() as u32;
        let half = match self.plan.graph.is_recurrent() {
            true => self.progress.step(step.position, step.tokens.len())?,
            false => 0,
        };
        self.reach.advance(step.position, step.tokens.len());
        self.buffers.write_step(device, step.position as u32, step.tokens, logits, half);

        let mut encoder = device.calls.device().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let mut current = None;
        for dispatch in &self.dispatches {
            let Some(extent) = dispatch.extent(tokens, logits, step.want) else { continue };
            if current != Some(&dispatch.pipeline) {
                pass.set_pipeline(&dispatch.pipeline);
                current = Some(&dispatch.pipeline);
            }
            pass.set_bind_group(0, &dispatch.bindings, &[]);
            device.calls.dispatch(&mut pass, extent);
        }
        drop(pass);
        let vocabulary = self.plan.graph.value(self.plan.graph.logits).width;
        let row = stride(vocabulary) as u64 * size_of::<f32>() as u64;
        match step.want {
            Want::Nothing => {
                device.calls.submit(Some(encoder.finish()));
                device.idle().await?;
                Ok(Output::None)
            }
            Want::Token => {
                let bytes = size_of::<u32>() as u64;
                encoder.copy_buffer_to_buffer(&self.buffers.token, 0, &self.readback, 0, bytes);
                device.calls.submit(Some(encoder.finish()));
                let token = device.read::<u32>(&self.readback, bytes).await?;
                token.first().map(|token| Output::Token(*token)).ok_or_else(|| internal("no token came back"))
            }
            Want::Logits(rows) => {
                let bytes = rows as u64 * row;
                let logits = self.buffers.value_buffer(&self.plan, self.plan.graph.logits)?;
                encoder.copy_buffer_to_buffer(logits, 0, &self.readback, 0, bytes);
                device.calls.submit(Some(encoder.finish()));
                let mut values = device.read::<f32>(&self.readback, bytes).await?;
                if stride(vocabulary) != vocabulary {
                    let rows = values.chunks(stride(vocabulary));
                    values = rows.flat_map(|row| &row[..vocabulary]).copied().collect();
                }
                Ok(Output::Logits(values))
            }
        }
    }

    pub(crate) fn memory(&self) -> MemoryUse {
        let matrices: u64 = self.weights.iter().map(Weight::device_bytes).sum();
        MemoryUse {
            weights: matrices + self.buffers.constant_bytes(),
            kv: self.buffers.kv_bytes(),
            scratch: self.buffers.scratch_bytes() + self.readback.size(),
        }
    }

    /// Checks that a step keeps to the options; returns its rows of logits.
    fn validate(&self, step: &Step<'_>) -> Result<u32, BackendError> {
        let CompileOptions { context_length, max_batch, max_logits, .. } = self.options;
        let tokens = step.tokens.len();
        let logits = match step.want {
            Want::Nothing => 0,
            Want::Token => 1,
            Want::Logits(0) => return Err(internal("a step wants no rows of logits")),
            Want::Logits(rows) => rows,
        };
        if tokens == 0 || tokens > max_batch {
            return Err(BackendError::Internal(format!("a step has {tokens} tokens, not 1 to {max_batch}")));
        }
        if step.position.checked_add(tokens).is_none_or(|end| end > context_length) {
            return Err(BackendError::Internal(format!(
                "a step of {tokens} tokens at {} ends behind the context of {context_length}",
                step.position
            )));
        }
        if !self.reach.allows(step.position) {
            let position = step.position;
            return Err(BackendError::Internal(format!(
                "the KV cache forgot what a step at {position} sees"
            )));
        }
        if logits > tokens.min(max_logits) {
            return Err(BackendError::Internal(format!("a step of {tokens} tokens wants {logits} logits")));
        }
        Ok(logits as u32)
    }
}

/// Checks what the caller promises: every weight whole and in the order of the graph.
fn check(plan: &Plan, weights: &[Weight], options: &CompileOptions) -> Result<(), BackendError> {
    if weights.len() != plan.graph.weights.len() {
        return Err(internal("the number of weights differs from the graph's"));
    }
    for (weight, spec) in weights.iter().zip(&plan.graph.weights) {
        if weight.spec != *spec {
            return Err(BackendError::Internal(format!(
                "`{}` was given for `{}`",
                weight.spec.name, spec.name
            )));
        }
        if !weight.whole() {
            return Err(BackendError::Internal(format!("`{}` is not whole", spec.name)));
        }
    }
    if options.context_length == 0 || options.max_batch == 0 || options.max_logits == 0 {
        return Err(internal("a program needs room for a position, a token and a row of logits"));
    }
    Ok(())
}
