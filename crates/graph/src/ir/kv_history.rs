//! Which positions a KV cache can resume at.

use crate::ir::graph::Graph;
use crate::ir::kv_layer::KvLayer;
use crate::ir::options::CompileOptions;

/// The positions at which a step may resume, given the steps so far. Ring buffers overwrite positions that their
/// windows have passed.
///
/// Resuming at position `p` needs the `window - 1` positions before it, which later positions may have overwritten.
#[derive(Clone, Debug)]
pub struct KvHistory {
    /// Window and length of each cache that is shorter than the context.
    rings: Vec<[usize; 2]>,
    /// The end of the furthest step since the last one at position 0.
    end: usize,
}

impl KvHistory {
    /// For a program of `graph` before its first step.
    pub fn new<O>(graph: &Graph<O>, options: &CompileOptions) -> Self {
        let ring = |layer: &KvLayer| {
            let positions = layer.positions(options);
            layer.window.filter(|_| positions < options.context_length).map(|window| [window, positions])
        };
        let mut rings: Vec<_> = graph.kv_layers.iter().filter_map(ring).collect();
        rings.dedup();
        KvHistory { rings, end: 0 }
    }

    /// Whether the caches have every position that a step at `position` attends to.
    pub fn can_resume_at(&self, position: usize) -> bool {
        let held = |&[window, positions]: &[usize; 2]| {
            position <= self.end
                && (position + 1).saturating_sub(window) >= self.end.saturating_sub(positions)
        };
        position == 0 || self.rings.iter().all(held)
    }

    /// Records a step of `tokens` tokens at `position`. It need not succeed, since it may be repeated.
    pub fn advance(&mut self, position: usize, tokens: usize) {
        let before = if position == 0 { 0 } else { self.end };
        self.end = before.max(position + tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attention, Builder, KvFormat};
    use linnet_quant::DType;

    const OPTIONS: CompileOptions =
        CompileOptions { context_length: 1000, max_batch: 16, max_logits: 1, kv: KvFormat::F16 };

    /// A graph with a cache per item, which has the windows of the attentions over it.
    fn graph(caches: &[&[Option<usize>]]) -> Graph {
        let g = Builder::new();
        let table = g.weight("t", DType::F32, 8, 4);
        let mut x = g.embed(table);
        for windows in caches {
            let layer = g.kv_layer(1, 4);
            g.store_kv(layer, x, x);
            for &window in *windows {
                x = g.attention(x, Attention { window, ..Attention::new(layer, [1, 1], 4, 1.0) });
            }
        }
        let logits = g.matmul(table, g.select_rows(x));
        g.finish(logits).unwrap()
    }

    #[test]
    fn a_cache_has_room_for_what_any_of_its_attentions_sees() {
        let graph =
            graph(&[&[Some(10), Some(20)], &[Some(10), None], &[None], &[], &[Some(400)], &[Some(900)]]);
        let windows: Vec<_> = graph.kv_layers.iter().map(|layer| layer.window).collect();
        assert_eq!(windows, [Some(20), None, None, None, Some(400), Some(900)]);
        let positions: Vec<_> = graph.kv_layers.iter().map(|layer| layer.positions(&OPTIONS)).collect();
        assert_eq!(positions, [64, 1000, 1000, 1000, 672, 1000]);
        assert_eq!(graph.kv_bytes(&OPTIONS), (64 + 672 + 4 * 1000) * 2 * 4 * 2);
        let huge = KvLayer { window: Some(usize::MAX), ..graph.kv_layers[0] };
        assert_eq!(huge.positions(&OPTIONS), 1000);
        let huge = KvLayer { kv_heads: usize::MAX / 2, ..huge };
        assert_eq!(huge.bytes(&OPTIONS), u64::MAX);
        // More than 32 bits hold.
        let large = KvLayer { kv_heads: 1 << 22, ..huge };
        assert_eq!(large.bytes(&OPTIONS), 1000 * 2 * (1 << 22) * 8);
    }

    /// Compares with a ring buffer that stores positions.
    #[test]
    fn a_step_is_allowed_where_the_ring_holds_what_it_sees() {
        let graph = graph(&[&[None], &[Some(20)]]);
        let places = graph.kv_layers[1].positions(&OPTIONS);
        let (mut refused, mut end, mut random) = ([0, 0], 0, 7_u32);
        let mut ring = vec![None; places];
        let mut history = KvHistory::new(&graph, &OPTIONS);
        for _ in 0..10_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [back, kind, tokens] = [8, 16, 20].map(|shift| (random >> shift) as usize);
            let tokens = 1 + tokens % OPTIONS.max_batch;
            let position = match kind % 64 {
                0 => 0,
                1..16 => end - (back % 60).min(end),
                _ => end,
            };
            let seen = (position + 1_usize).saturating_sub(20)..position;
            let held = seen.into_iter().all(|p| ring[p % places] == Some(p));
            assert_eq!(history.can_resume_at(position), held, "{position} of {end}");
            refused[usize::from(held)] += 1;
            if held && position + tokens <= OPTIONS.context_length {
                history.advance(position, tokens);
                (position..position + tokens).for_each(|p| ring[p % places] = Some(p));
                end = position + tokens;
            }
        }
        assert!(refused.iter().all(|&n| n > 500), "{refused:?}");
        assert!(
            KvHistory::new(&self::graph(&[&[None]]), &OPTIONS).can_resume_at(5),
            "without rings nothing is forgotten"
        );
    }
}
