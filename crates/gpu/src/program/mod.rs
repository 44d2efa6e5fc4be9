//! A compiled plan and its replay.

mod decode_queue;
mod profile;
mod recurrent_progress;

use linnet_graph::{
    BackendError, CompileOptions, DecodeRequest, FusedOp, Graph, KvHistory, MemoryUse, Output, OutputRequest,
    Plan, SamplingParams, Step,
};
use wgpu::BufferUsages;

use self::decode_queue::{Queued, Taken};
use self::recurrent_progress::Progress;
use crate::device::{Buffer, Device};
use crate::error::internal;
use crate::kernels::Gpu;
use crate::layout::{self, stride};
use crate::lower::{Buffers, Dispatch, Extent, lower};
use crate::weights::{Weight, concat_weights};

/// A plan with its weights, KV cache, activations and dispatches on the device.
pub struct Program {
    options: CompileOptions,
    dispatches: Vec<Dispatch>,
    buffers: Buffers,
    weights: Vec<Weight>,
    plan: Plan<FusedOp>,
    readback: Buffer,
    queued: Queued,
    progress: Progress,
    kv_history: KvHistory,
    /// The parameters that the device samples with.
    sampling: Option<layout::SamplingParams>,
    /// Position and token of the step that the device prepared when it sampled that token.
    prepared: Option<(usize, u32)>,
}

impl Program {
    /// Compiles a graph for steps of these options.
    pub(crate) async fn compile(
        gpu: &Gpu,
        graph: Graph<FusedOp>,
        mut weights: Vec<Weight>,
        options: CompileOptions,
    ) -> Result<Program, BackendError> {
        check(&graph, &weights, &options)?;
        let device = &gpu.device;
        let plan = Plan::new(graph);
        concat_weights(device, &plan, &mut weights).await?;
        let mut buffers = Buffers::new(gpu, &plan, &weights, &options)?;
        for node in &plan.graph.nodes {
            let rope = match &node.op {
                FusedOp::Rope(rope) => Some(rope),
                FusedOp::SelfAttention(attention) => attention.rope.as_ref(),
                _ => None,
            };
            if let Some(rope) = rope {
                let factors = rope.factors.map(|factors| factors.of_context(options.context_length));
                let factors = factors.and_then(|id| weights.get(id.0 as usize)?.floats());
                buffers.prepare_rope(device, rope, factors.as_deref(), options.context_length)?;
            }
        }
        let logits = plan.graph.value(plan.graph.logits);
        let bytes = options.max_logits as u64 * stride(logits.width) as u64 * size_of::<f32>() as u64;
        let readback = device.buffer("results", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        let queued = Queued::new(device)?;
        device.settle().await?;

        let scope = device.calls.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let dispatches = lower(gpu, &plan, &weights, &buffers, options);
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
            readback,
            queued,
            progress: Progress::default(),
            kv_history: KvHistory::new(&plan.graph, &options),
            plan,
            sampling: None,
            prepared: None,
        })
    }

    /// Runs one step.
    pub(crate) async fn run(&mut self, device: &Device, step: Step<'_>) -> Result<Output, BackendError> {
        if step.want == OutputRequest::Token {
            let request =
                DecodeRequest { tokens: 1, stop: &[], suppressed: &[], sampling: SamplingParams::GREEDY };
            self.submit_decode(device, Some(step), request)?;
            let chosen = self.poll_decode(device).await?;
            return chosen
                .first()
                .map(|token| Output::Token(*token))
                .ok_or_else(|| internal("the device returned no token"));
        }
        let (mut encoder, extent) = self.begin(device, &step, 0)?;
        self.encode(device, &mut encoder, &[extent]);
        let OutputRequest::Logits(rows) = step.want else {
            device.calls.submit(Some(encoder.finish()));
            device.idle().await?;
            return Ok(Output::None);
        };
        let vocabulary = self.plan.graph.value(self.plan.graph.logits).width;
        let bytes = rows as u64 * stride(vocabulary) as u64 * size_of::<f32>() as u64;
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

    /// Queues a step, or without one the step after the last queued token, and the steps of the tokens that are
    /// sampled.
    pub(crate) fn submit_decode(
        &mut self,
        device: &Device,
        step: Option<Step<'_>>,
        request: DecodeRequest<'_>,
    ) -> Result<(), BackendError> {
        let sampling = layout::SamplingParams::new(&request)?;
        if request.tokens == 0 || request.tokens > DecodeRequest::MAX_TOKENS {
            return Err(internal("a decode request does not fit its step"));
        }
        let following = request.tokens - 1;
        let (mut encoder, first, end) = match step {
            Some(step) if step.want != OutputRequest::Token => {
                return Err(internal("a decode request does not fit its step"));
            }
            Some(step) => {
                let (encoder, first) = self.begin(device, &step, following)?;
                (encoder, first, step.position + step.tokens.len())
            }
            None => {
                device.faults.check()?;
                let position = self.queued.last().filter(|_| self.queued.has_room());
                let position = position.ok_or_else(|| internal("no queued token to continue from"))?;
                let step = Step { tokens: &[0], position, want: OutputRequest::Token };
                let logits = self.validate(&step, following)?;
                self.kv_history.advance(position, request.tokens);
                let at = position as u32;
                let first = Extent { position: at, tokens: 1, logits, token: true, given: false };
                (device.calls.device().create_command_encoder(&Default::default()), first, position + 1)
            }
        };
        if self.sampling != Some(sampling) {
            self.buffers.write_sampling(device, &sampling);
            self.sampling = Some(sampling);
        }
        let next = |step: usize| Extent { position: (end + step) as u32, tokens: 1, given: false, ..first };
        let steps: Vec<Extent> = std::iter::once(first).chain((0..following).map(next)).collect();
        self.encode(device, &mut encoder, &steps);
        self.queued.submit(device, encoder, (&self.buffers.history, end), &request, step.is_none());
        Ok(())
    }

    /// Waits for the tokens of the oldest request.
    pub(crate) async fn poll_decode(&mut self, device: &Device) -> Result<Vec<u32>, BackendError> {
        let taken = self.queued.take(device).await?;
        let Taken { first, chosen, ended, tokens, goes_on } = taken;
        if let Some(last) = chosen.last()
            && !ended
            && self.queued.is_empty()
        {
            self.prepared = Some((first + tokens - 1, *last));
        }
        // A stop token counts as run: the steps after it left the state as it was before it.
        if self.plan.graph.is_recurrent() && !chosen.is_empty() {
            let before = usize::from(goes_on);
            for ran in 0..before + (tokens - 1).min(chosen.len()) {
                self.progress.step(first - before + ran, 1)?;
            }
        }
        Ok(chosen)
    }

    /// Prepares a step that `following` others follow.
    pub(crate) fn begin(
        &mut self,
        device: &Device,
        step: &Step<'_>,
        following: usize,
    ) -> Result<(wgpu::CommandEncoder, Extent), BackendError> {
        device.faults.check()?;
        let logits = self.validate(step, following)?;
        if self.queued.forget() {
            self.progress.lose();
        }
        let half = match self.plan.graph.is_recurrent() {
            true => self.progress.step(step.position, step.tokens.len())?,
            false => 0,
        };
        self.kv_history.advance(step.position, step.tokens.len() + following);
        let token = step.want == OutputRequest::Token;
        let prepared = self.prepared.take().is_some_and(|(position, next)| {
            token && (position, [next].as_slice()) == (step.position, step.tokens)
        });
        if !prepared {
            self.buffers.write_step(device, step.position, step.tokens, logits, half);
        }
        let (position, tokens) = (step.position as u32, step.tokens.len() as u32);
        let extent = Extent { position, tokens, logits, token, given: !prepared };
        Ok((device.calls.device().create_command_encoder(&Default::default()), extent))
    }

    /// Encodes the dispatches of consecutive steps.
    fn encode(&self, device: &Device, encoder: &mut wgpu::CommandEncoder, steps: &[Extent]) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        let mut current = None;
        for step in steps {
            for dispatch in &self.dispatches {
                let Some(extent) = dispatch.extent(*step) else { continue };
                if current != Some(&dispatch.pipeline) {
                    pass.set_pipeline(&dispatch.pipeline);
                    current = Some(&dispatch.pipeline);
                }
                pass.set_bind_group(0, &dispatch.bindings, &[]);
                device.calls.dispatch(&mut pass, extent);
            }
        }
    }

    /// The buffer of the logits.
    #[cfg(test)]
    pub(crate) fn logits(&self) -> Result<&Buffer, BackendError> {
        self.buffers.value_buffer(&self.plan, self.plan.graph.logits)
    }

    /// All dispatches; a step runs some of them.
    pub(crate) fn dispatches(&self) -> &[Dispatch] {
        &self.dispatches
    }

    pub(crate) fn memory(&self) -> MemoryUse {
        let matrices: u64 = self.weights.iter().map(Weight::device_bytes).sum();
        MemoryUse {
            weights: matrices + self.buffers.constant_bytes(),
            kv: self.buffers.kv_bytes(),
            scratch: self.buffers.scratch_bytes() + self.readback.size(),
        }
    }

    /// Checks that a step, and the `following` steps of one token after it, fit the options. Returns its rows of
    /// logits.
    fn validate(&self, step: &Step<'_>, following: usize) -> Result<u32, BackendError> {
        let CompileOptions { context_length, max_batch, max_logits, .. } = self.options;
        let tokens = step.tokens.len();
        let logits = match step.want {
            OutputRequest::Nothing => 0,
            OutputRequest::Token => 1,
            OutputRequest::Logits(0) => return Err(internal("a step requests no rows of logits")),
            OutputRequest::Logits(rows) => rows,
        };
        if tokens == 0 || tokens > max_batch {
            return Err(BackendError::Internal(format!(
                "a step has {tokens} tokens, but must have 1 to {max_batch}"
            )));
        }
        if step.position.checked_add(tokens + following).is_none_or(|end| end > context_length) {
            return Err(BackendError::Internal(format!(
                "a step of {tokens} tokens and {following} steps after it at {} exceed the context of {context_length}",
                step.position
            )));
        }
        if !self.kv_history.can_resume_at(step.position) {
            let position = step.position;
            return Err(BackendError::Internal(format!(
                "the KV cache has overwritten tokens that a step at {position} attends to"
            )));
        }
        if logits > tokens.min(max_logits) {
            return Err(BackendError::Internal(format!(
                "a step of {tokens} tokens requests {logits} rows of logits"
            )));
        }
        Ok(logits as u32)
    }
}

/// Checks the caller's contract: all weights are complete and in the order of the graph.
fn check(graph: &Graph<FusedOp>, weights: &[Weight], options: &CompileOptions) -> Result<(), BackendError> {
    if weights.len() != graph.weights.len() {
        return Err(internal("the number of weights differs from the graph's"));
    }
    for (weight, spec) in weights.iter().zip(&graph.weights) {
        if weight.spec != *spec {
            return Err(BackendError::Internal(format!(
                "`{}` was given for `{}`",
                weight.spec.name, spec.name
            )));
        }
        if !weight.whole() {
            return Err(BackendError::Internal(format!("`{}` is incomplete", spec.name)));
        }
    }
    if options.context_length == 0 || options.max_batch == 0 || options.max_logits == 0 {
        return Err(internal("context_length, max_batch and max_logits must not be 0"));
    }
    Ok(())
}
