//! A compiled plan: everything that a step needs, allocated once.

use std::sync::Mutex;

use linnet_graph::{BackendError, CompileOptions, Graph, KvHistory, MemoryUse, Op, Plan, Rope};

use crate::attend::Partials;
use crate::kernels::RopeTable;
use crate::kv::KvCache;
use crate::layout::RUN;
use crate::memory;
use crate::recurrent::States;
use crate::scratch::{InputScratch, ThreadScratch, lock};
use crate::simd::ByteIsa;
use crate::weight::CpuWeight;

/// A compiled plan with its weights, KV cache and activations.
pub struct CpuProgram {
    pub(crate) plan: Plan,
    pub(crate) options: CompileOptions,
    pub(crate) weights: Vec<CpuWeight>,
    pub(crate) kv: Vec<KvCache>,
    pub(crate) kv_history: KvHistory,
    pub(crate) states: States,
    /// Memory of the plan's slots.
    pub(crate) slots: Vec<Vec<f32>>,
    pub(crate) ropes: Ropes,
    pub(crate) inputs: InputScratch,
    /// The scratch of each thread.
    pub(crate) threads: Vec<Mutex<ThreadScratch>>,
    pub(crate) partials: Partials,
}

/// The rope tables of a graph: one for all nodes with the same rope.
pub(crate) struct Ropes {
    pub(crate) tables: Vec<RopeTable>,
    /// Index of the table of each node.
    pub(crate) of_node: Vec<Option<usize>>,
}

impl CpuProgram {
    pub(crate) fn new(
        plan: &Plan,
        weights: Vec<CpuWeight>,
        options: CompileOptions,
        threads: usize,
    ) -> Result<Self, BackendError> {
        check(&plan.graph, &weights, options)?;
        let max_batch = options.max_batch;
        let graph = &plan.graph;

        let slot = |slot: &linnet_graph::Slot| {
            memory::zeroed("activations", options.max_rows(slot.rows).checked_mul(slot.width))
        };
        let inputs = graph.nodes.iter().filter_map(|node| match &node.op {
            Op::MatMul(_) | Op::ExpertMatMul(_) => Some(graph.value(*node.inputs.first()?).width),
            _ => None,
        });
        let cols = inputs.max().unwrap_or(0);
        let runs = max_batch.checked_mul(cols.div_ceil(RUN));
        let quads = if ByteIsa::choose().is_some() { runs } else { Some(0) };
        let inputs = InputScratch {
            normed: memory::zeroed("activations", max_batch.checked_mul(cols))?,
            pairs: memory::zeroed("activations", runs)?,
            quads: memory::zeroed("activations", quads)?,
        };
        let thread = |_| Ok(Mutex::new(ThreadScratch::new(graph, cols, max_batch)?));
        Ok(CpuProgram {
            plan: plan.clone(),
            options,
            kv: graph
                .kv_layers
                .iter()
                .map(|&layer| KvCache::new(layer, &options))
                .collect::<Result<_, _>>()?,
            kv_history: KvHistory::new(graph, &options),
            states: States::new(graph)?,
            slots: plan.slots.iter().map(slot).collect::<Result<_, _>>()?,
            ropes: Ropes::new(graph, &weights, options)?,
            inputs,
            threads: (0..threads).map(thread).collect::<Result<_, BackendError>>()?,
            partials: Partials::new(graph, &options)?,
            weights,
        })
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> MemoryUse {
        let threads: u64 = self.threads.iter().map(|t| lock(t).bytes()).sum();
        let slots: u64 = self.slots.iter().map(|slot| memory::bytes(slot)).sum();
        let ropes: u64 = self.ropes.tables.iter().map(RopeTable::bytes).sum();
        let inputs = self.inputs.bytes();
        MemoryUse {
            weights: self.weights.iter().map(CpuWeight::bytes).sum(),
            kv: self.kv.iter().map(KvCache::bytes).sum::<u64>() + self.states.bytes(),
            scratch: threads + slots + ropes + inputs + self.partials.bytes(),
        }
    }
}

/// Checks the caller's contract.
fn check(graph: &Graph, weights: &[CpuWeight], options: CompileOptions) -> Result<(), BackendError> {
    let internal = |what: String| Err(BackendError::Internal(what));
    if weights.len() != graph.weights.len() {
        return internal(format!("{} weights for a graph of {}", weights.len(), graph.weights.len()));
    }
    for (weight, spec) in weights.iter().zip(&graph.weights) {
        if weight.spec() != spec {
            return internal(format!("tensor `{}` was given for `{}`", weight.spec().name, spec.name));
        }
        if !weight.is_whole() {
            return internal(format!("tensor `{}` is incomplete", spec.name));
        }
    }
    for node in &graph.nodes {
        let Op::Attention(a) = node.op else { continue };
        let layer = graph.kv_layers.get(a.layer);
        let same = layer.is_some_and(|l| l.kv_heads == a.kv_heads && l.head_dim == a.head_dim);
        if !same || a.head_dim == 0 || a.kv_heads == 0 || a.heads == 0 || a.heads % a.kv_heads != 0 {
            return internal(format!("{}: {a:?} does not fit its cache {layer:?}", node.label));
        }
    }
    if options.context_length == 0 || options.max_batch == 0 || options.max_logits == 0 {
        return internal(format!("a program needs room for at least one token: {options:?}"));
    }
    Ok(())
}

impl Ropes {
    fn new(graph: &Graph, weights: &[CpuWeight], options: CompileOptions) -> Result<Self, BackendError> {
        let mut distinct: Vec<&Rope> = Vec::new();
        let mut ropes = Ropes { tables: Vec::new(), of_node: Vec::new() };
        for node in &graph.nodes {
            let Op::Rope(rope) = &node.op else {
                ropes.of_node.push(None);
                continue;
            };
            let table = distinct.iter().position(|other| other.has_same_rotation(rope));
            if table.is_none() {
                let factors = rope.factors.map(|factors| factors.of_context(options.context_length));
                let factors = factors.map(|f| weights[f.0 as usize].vector()).transpose()?;
                ropes.tables.push(RopeTable::new(rope, factors, options.max_batch)?);
                distinct.push(rope);
            }
            ropes.of_node.push(Some(table.unwrap_or(distinct.len() - 1)));
        }
        Ok(ropes)
    }
}
