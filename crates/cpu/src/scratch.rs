//! Working memory of a step.

use std::sync::Mutex;

use linnet_graph::{BackendError, Graph, Op};

use crate::activations::QBlock;
use crate::kernels::AttentionScratch;
use crate::layout::{GROUP, RUN};
use crate::memory;
use crate::packed::PanelRun;

/// The input of the current matrix product.
pub(crate) struct InputScratch {
    /// Normalized: `[max_batch, cols]`.
    pub(crate) normed: Vec<f32>,
    /// Quantized to pairs: `[max_batch, cols / 32]`.
    pub(crate) pairs: Vec<QBlock>,
    /// Quantized to quads, if there are kernels for them.
    pub(crate) quads: Vec<QBlock>,
}

impl InputScratch {
    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.normed) + memory::bytes(&self.pairs) + memory::bytes(&self.quads)
    }
}

/// Working memory of one thread.
pub(crate) struct ThreadScratch {
    /// A group of weights, unpacked.
    pub(crate) panel: Vec<PanelRun>,
    /// Products of up to two matrices, and the results of the epilogue: `[groups, rows, lane]`.
    pub(crate) products: [Vec<f32>; 3],
    pub(crate) attention: AttentionScratch,
    /// A query and a key of a delta rule.
    pub(crate) head: Vec<f32>,
}

/// Locks the scratch of a thread. Only that thread locks it, so this never waits.
pub(crate) fn lock(scratch: &Mutex<ThreadScratch>) -> std::sync::MutexGuard<'_, ThreadScratch> {
    // Scratch has no data between steps, so a poisoned lock is harmless.
    scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Rows of products that a thread computes before it stores them.
const PRODUCT_ROWS: usize = 64;

impl ThreadScratch {
    pub(crate) fn new(graph: &Graph, cols: usize, max_batch: usize) -> Result<Self, BackendError> {
        let (mut heads_per_kv, mut head_dim, mut delta_dim) = (0, 0, 0);
        for node in &graph.nodes {
            match node.op {
                Op::Attention(a) => {
                    heads_per_kv = heads_per_kv.max(a.heads / a.kv_heads);
                    head_dim = head_dim.max(a.head_dim);
                }
                Op::DeltaNet(d) => delta_dim = delta_dim.max(d.head_dim),
                _ => {}
            }
        }
        let products = || memory::zeroed("activations", max_batch.max(PRODUCT_ROWS).checked_mul(GROUP));
        Ok(ThreadScratch {
            panel: memory::zeroed("activations", Some(cols.div_ceil(RUN)))?,
            products: [products()?, products()?, products()?],
            attention: AttentionScratch::new(heads_per_kv, head_dim)?,
            head: memory::zeroed("activations", delta_dim.checked_mul(2))?,
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        let products: u64 = self.products.iter().map(|p| memory::bytes(p)).sum();
        memory::bytes(&self.panel) + memory::bytes(&self.head) + products + self.attention.bytes()
    }
}
