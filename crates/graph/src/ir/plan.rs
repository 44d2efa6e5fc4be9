//! The memory plan: which activations share a slot.

use crate::ir::graph::Graph;
use crate::ir::ops::Op;
use crate::ir::value::{Rows, Value};

/// A piece of activation memory: an index into [`Plan::slots`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlotId(pub u32);

/// Memory for one activation at a time: `[rows, width]` f32, `width` is that of the widest activation.
///
/// A value narrower than its slot is stored densely with its own width.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Which row count the slot must hold.
    pub rows: Rows,
    /// Elements per row.
    pub width: usize,
}

impl Slot {
    /// Bytes of a slot of `rows` rows.
    pub fn bytes(&self, rows: usize) -> u64 {
        (rows as u64).saturating_mul(self.width as u64).saturating_mul(size_of::<f32>() as u64)
    }
}

/// A graph with its activations assigned to slots.
///
/// Two values share a slot only when one is dead before the other is written; in particular no node writes a slot
/// that it reads, because WebGPU validates usage per whole buffer.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan<O = Op> {
    /// The graph, in execution order.
    pub graph: Graph<O>,
    /// The slots.
    pub slots: Vec<Slot>,
    assignment: Vec<Option<SlotId>>,
}

impl<O> Plan<O> {
    /// Assigns every activation of `graph` to a slot, first fit by lifetime.
    pub fn new(graph: Graph<O>) -> Self {
        let mut last_use = vec![0; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            for value in node.inputs.iter().chain(&node.outputs) {
                last_use[value.0 as usize] = index;
            }
        }
        // The caller reads the logits after the last node.
        last_use[graph.logits.0 as usize] = graph.nodes.len();

        let mut slots: Vec<Slot> = Vec::new();
        let mut free_from: Vec<usize> = Vec::new();
        let mut assignment = vec![None; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            for output in &node.outputs {
                let info = graph.value(*output);
                let free = (0..slots.len())
                    .filter(|&i| slots[i].rows == info.rows && free_from[i] <= index)
                    .min_by_key(|&i| slots[i].width.abs_diff(info.width));
                let slot = free.unwrap_or_else(|| {
                    slots.push(Slot { rows: info.rows, width: 0 });
                    free_from.push(0);
                    slots.len() - 1
                });
                slots[slot].width = slots[slot].width.max(info.width);
                free_from[slot] = last_use[output.0 as usize] + 1;
                assignment[output.0 as usize] = Some(SlotId(slot as u32));
            }
        }
        Plan { graph, slots, assignment }
    }

    /// The slot of an activation; `None` for one that no node of the graph writes (fused away).
    pub fn slot(&self, value: Value) -> Option<SlotId> {
        self.assignment[value.0 as usize]
    }

    /// Bytes of all slots for steps of up to `tokens` tokens and `logits` rows of logits.
    pub fn scratch_bytes(&self, tokens: usize, logits: usize) -> u64 {
        let rows = |rows| match rows {
            Rows::Tokens => tokens,
            Rows::Logits => logits,
        };
        self.slots.iter().map(|slot| slot.bytes(rows(slot.rows))).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use linnet_quant::DType;

    use super::*;
    use crate::Builder;

    #[test]
    fn no_node_writes_a_slot_that_it_reads_or_that_is_still_needed() {
        let g = Builder::new();
        let table = g.weight("t", DType::F32, 8, 4);
        let norm = g.weight("n", DType::F32, 1, 4);
        let mut x = g.embed(table);
        for _ in 0..3 {
            let h = g.rms_norm(x, norm, 1e-5);
            x = g.add(x, g.rms_norm(h, norm, 1e-5));
        }
        let logits = g.matmul(table, g.select_rows(x));
        let plan = Plan::new(g.finish(logits).unwrap());
        assert_eq!(plan.slots.len(), 5, "three for the residual stream, two for the head");

        let mut holds = vec![None; plan.slots.len()];
        for node in &plan.graph.nodes {
            for input in &node.inputs {
                assert_eq!(
                    holds[plan.slot(*input).unwrap().0 as usize],
                    Some(*input),
                    "clobbered before use"
                );
            }
            for output in &node.outputs {
                let slot = plan.slot(*output).unwrap();
                assert!(node.inputs.iter().all(|i| plan.slot(*i) != Some(slot)));
                holds[slot.0 as usize] = Some(*output);
            }
        }
    }
}
