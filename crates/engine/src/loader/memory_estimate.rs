//! Estimates a model's memory from its header, before any weight arrives.

use linnet_graph::{BackendKind, Capabilities, CompileOptions, KvFormat, Plan};

use crate::engine::Memory;

/// Suggested smaller contexts are multiples of this, and at least this long.
const STEP: usize = 256;

/// Memory limits for a model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds<'a> {
    /// Limit for everything together, if there is one.
    pub memory: Option<u64>,
    pub capabilities: &'a Capabilities,
}

/// A model that does not fit, and the options with which it would.
#[derive(Clone, Debug, PartialEq)]
pub struct Shortfall {
    /// Estimated memory, a lower bound.
    pub memory: Memory,
    /// The exceeded limit: `memory_limit`, or a limit of the device.
    pub limit: &'static str,
    /// What exceeds it.
    pub what: &'static str,
    /// Its size in bytes.
    pub need: u64,
    /// The limit in bytes.
    pub have: u64,
    /// The next smaller choice, if there is one.
    pub fallback: Option<Fallback>,
}

/// Options with which the model would fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Where to run.
    pub backend: BackendKind,
    /// Context length.
    pub context_length: usize,
    /// Element type of the KV cache.
    pub kv: KvFormat,
}

impl std::fmt::Display for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Fallback { backend, context_length, kv } = self;
        let place = if *backend == BackendKind::Cpu { " on the CPU" } else { "" };
        let kv = kv.name();
        write!(f, "It would fit{place} with a context of {context_length} and a {kv} KV cache")
    }
}

/// Bytes of weights, KV cache and activations of a program compiled with these options. The backend's own
/// layout adds little for the usual formats, which is not counted.
pub(crate) fn estimate(plan: &Plan, options: &CompileOptions) -> Memory {
    let graph = &plan.graph;
    let weight = |spec: &linnet_graph::WeightSpec| {
        let matrix = spec.uses.matrix || spec.uses.rows || spec.uses.experts > 0;
        // The graph has already checked that each size fits a `usize`.
        let floats = if spec.uses.vector { 4 * spec.rows as u64 * spec.cols as u64 } else { 0 };
        floats.saturating_add(if matrix { spec.byte_len() as u64 } else { 0 })
    };
    // State before a step and after it.
    let states = sum(graph.states.iter().map(|len| (*len as u64).saturating_mul(2 * 4)));
    Memory {
        weights: sum(graph.weights.iter().map(weight)),
        kv: states.saturating_add(graph.kv_bytes(options)),
        scratch: plan.scratch_bytes(options.max_batch, options.max_logits),
    }
}

/// The sum, saturating at `u64::MAX`.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

impl Bounds<'_> {
    /// Checks whether a program compiled with these options fits; if not, returns the reason and options that
    /// would fit.
    pub(crate) fn check(&self, plan: &Plan, options: &CompileOptions) -> Result<(), Shortfall> {
        let Err(mut shortfall) = self.fits(plan, options) else { return Ok(()) };
        shortfall.fallback = self.fallback(plan, options);
        Err(shortfall)
    }

    pub(crate) fn fits(&self, plan: &Plan, options: &CompileOptions) -> Result<(), Shortfall> {
        let memory = estimate(plan, options);
        let shortfall =
            |limit, what, need, have| Shortfall { memory, limit, what, need, have, fallback: None };
        let all = memory.weights.saturating_add(memory.kv).saturating_add(memory.scratch);
        if let Some(have) = self.memory.filter(|have| all > *have) {
            return Err(shortfall("memory_limit", "the model", all, have));
        }
        // Weights can be split; everything else is one buffer each.
        let (limit, most) = match self.capabilities.max_buffer {
            Some(most) => ("maxStorageBufferBindingSize", most),
            None => return Ok(()),
        };
        let keys = |layer: &linnet_graph::KvLayer| {
            let head = options.kv.head_bytes(layer.head_dim) as u64;
            (layer.positions(options) as u64).saturating_mul(layer.kv_heads as u64 * head)
        };
        let kv = plan.graph.kv_layers.iter().map(keys).max().unwrap_or(0);
        let slot = plan.slots.iter().map(|slot| slot.bytes(options.max_rows(slot.rows))).max().unwrap_or(0);
        for (what, need) in [("a layer's KV cache", kv), ("activations", slot)] {
            if need > most {
                return Err(shortfall(limit, what, need, most));
            }
        }
        Ok(())
    }

    /// The smallest reduction: first a coarser KV cache, then a shorter context; what exceeds the GPU's
    /// buffers may still fit on the CPU.
    fn fallback(&self, plan: &Plan, asked: &CompileOptions) -> Option<Fallback> {
        let backend = self.capabilities.backend;
        let with = |context_length: usize, kv| CompileOptions {
            context_length,
            kv,
            max_batch: asked.max_batch.min(context_length),
            ..*asked
        };
        let choice = |options: CompileOptions, backend| Fallback {
            backend,
            context_length: options.context_length,
            kv: options.kv,
        };
        let fits = |options: &CompileOptions| self.fits(plan, options).is_ok();
        let coarser = with(asked.context_length, KvFormat::Q8_0);
        if asked.kv != KvFormat::Q8_0 && fits(&coarser) {
            return Some(choice(coarser, backend));
        }
        let steps = asked.context_length.saturating_sub(1) / STEP;
        for kv in [asked.kv, KvFormat::Q8_0] {
            // If a context fits, every shorter one does.
            let (mut fitting, mut failing) = (0, steps + 1);
            while failing - fitting > 1 {
                let middle = fitting.midpoint(failing);
                match fits(&with(middle * STEP, kv)) {
                    true => fitting = middle,
                    false => failing = middle,
                }
            }
            if fitting > 0 {
                return Some(choice(with(fitting * STEP, kv), backend));
            }
        }
        let unbounded = Capabilities { backend: BackendKind::Cpu, ..Capabilities::default() };
        let on_cpu = Bounds { memory: self.memory, capabilities: &unbounded };
        let fits_the_cpu = backend != BackendKind::Cpu && on_cpu.fits(plan, asked).is_ok();
        fits_the_cpu.then(|| choice(*asked, BackendKind::Cpu))
    }
}
