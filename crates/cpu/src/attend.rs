//! Attention nodes: how threads share the work.
//!
//! In prefill, a unit of work is a tile of tokens and a key/value head. For a single token, the positions are cut into
//! spans, because models with few key/value heads would leave threads idle. The spans, and so the results, do not
//! depend on the number of threads.

use std::sync::Mutex;

use linnet_graph::{Attention, BackendError, CompileOptions, Graph, Op};

use crate::kernels::{Absorb, AttendTile, Finish, TILE_TOKENS, first_tile};
use crate::kv::{KV_GROUP, KvCache, TILE, Two};
use crate::memory;
use crate::min_parallel_work;
use crate::pool::Pool;
use crate::scratch::{ThreadScratch, lock};
use crate::shared_rows::SharedRows;
use crate::simd::Isa;

/// Positions of a span: enough to make the cost of merging spans negligible.
const SPAN: usize = 256;
const _: () = assert!(SPAN.is_multiple_of(TILE));

/// The partial results of the spans of a token.
pub(crate) struct Partials {
    /// Greatest score and sum of weights: `[spans, heads]`.
    state: Vec<[f32; 2]>,
    /// `[spans, heads, head_dim / 16]`.
    sums: Vec<Two>,
}

impl Partials {
    /// Allocates room for every attention of a graph.
    pub(crate) fn new(graph: &Graph, options: &CompileOptions) -> Result<Self, BackendError> {
        let (mut state, mut sums) = (Some(0), Some(0));
        for node in &graph.nodes {
            let Op::Attention(a) = node.op else { continue };
            // A window may begin and end within a tile.
            let past = a.window.map_or(usize::MAX, |window| window.saturating_add(TILE));
            let queries = options.context_length.min(past).div_ceil(SPAN).checked_mul(a.heads);
            let parts = queries.and_then(|queries| queries.checked_mul(a.head_dim.div_ceil(KV_GROUP)));
            // `None` if the product overflows.
            state = state.zip(queries).map(|(most, queries)| most.max(queries));
            sums = sums.zip(parts).map(|(most, parts)| most.max(parts));
        }
        let what = "attention scratch";
        Ok(Partials { state: memory::zeroed(what, state)?, sums: memory::zeroed(what, sums)? })
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> u64 {
        memory::bytes(&self.state) + memory::bytes(&self.sums)
    }
}

/// An attention to compute.
pub(crate) struct AttentionNode<'a> {
    pub(crate) attention: &'a Attention,
    /// Sinks of all query heads.
    pub(crate) sinks: Option<&'a [f32]>,
    pub(crate) cache: &'a KvCache,
    /// `[rows, heads * head_dim]`.
    pub(crate) q: &'a [f32],
    /// Position of the first row.
    pub(crate) position: usize,
    pub(crate) rows: usize,
    pub(crate) threads: &'a [Mutex<ThreadScratch>],
}

impl AttentionNode<'_> {
    /// Writes `output`, which has the shape of `q`.
    pub(crate) fn run(self, pool: &mut Pool, isa: Isa, partials: &mut Partials, output: &mut [f32]) {
        let start = first_tile(self.attention, self.position);
        let spans = (self.position + 1 - start).div_ceil(SPAN);
        if self.rows == 1 && spans > 1 {
            self.spans(pool, isa, (start, spans), partials, output);
        } else {
            self.tiles(pool, isa, output);
        }
    }

    /// Elements of all query heads, and of those that share a key/value head.
    fn widths(&self) -> (usize, usize) {
        let Attention { heads, kv_heads, head_dim, .. } = *self.attention;
        (heads * head_dim, heads / kv_heads * head_dim)
    }

    fn tiles(&self, pool: &mut Pool, isa: Isa, output: &mut [f32]) {
        let Attention { kv_heads, head_dim, .. } = *self.attention;
        let (width, heads_width) = self.widths();
        let out = SharedRows::new(output, self.rows, width);
        let tiles = self.rows.div_ceil(TILE_TOKENS);
        let work = self.rows * width * (self.position + self.rows);
        pool.split(kv_heads * tiles, work < min_parallel_work::ATTENTION, |thread, range| {
            let scratch = &mut lock(&self.threads[thread]).attention;
            for unit in range {
                let (kv_head, first) = (unit / tiles, unit % tiles * TILE_TOKENS);
                let tokens = TILE_TOKENS.min(self.rows - first);
                let position = self.position + first;
                let tile = AttendTile {
                    attention: *self.attention,
                    sinks: self.sinks,
                    kv_head,
                    span: first_tile(self.attention, position)..position + tokens,
                    q: &self.q[first * width..(first + tokens) * width],
                    position,
                    scratch,
                };
                tile.over(isa, self.cache);
                isa.run(Finish { scratch, queries: tokens * heads_width / head_dim, head_dim });
                for token in 0..tokens {
                    // SAFETY: each unit writes the heads of its own key/value head in its own tokens' rows.
                    let to = unsafe { out.part(first + token, kv_head * heads_width, heads_width) };
                    to.copy_from_slice(scratch.result(token, heads_width));
                }
            }
        });
    }

    fn spans(
        &self,
        pool: &mut Pool,
        isa: Isa,
        (start, spans): (usize, usize),
        partials: &mut Partials,
        output: &mut [f32],
    ) {
        let Attention { heads, kv_heads, head_dim, .. } = *self.attention;
        let (width, heads_width) = self.widths();
        let (queries, parts) = (heads / kv_heads, head_dim.div_ceil(KV_GROUP));
        let states = SharedRows::new(&mut partials.state, spans, heads);
        let sums = SharedRows::new(&mut partials.sums, spans, heads * parts);
        let end = self.position + 1;
        pool.split(
            kv_heads * spans,
            width * (end - start) < min_parallel_work::ATTENTION,
            |thread, range| {
                let scratch = &mut lock(&self.threads[thread]).attention;
                for unit in range {
                    let (kv_head, span) = (unit / spans, unit % spans);
                    let first = start + span * SPAN;
                    let tile = AttendTile {
                        attention: *self.attention,
                        sinks: self.sinks.filter(|_| span == 0),
                        kv_head,
                        span: first..end.min(first + SPAN),
                        q: self.q,
                        position: self.position,
                        scratch,
                    };
                    tile.over(isa, self.cache);
                    let (state, sum) = scratch.partial(queries, parts);
                    // SAFETY: each unit writes the heads of its own key/value head in its own span's row.
                    unsafe {
                        states.part(span, kv_head * queries, queries).copy_from_slice(state);
                        sums.part(span, kv_head * queries * parts, queries * parts).copy_from_slice(sum);
                    }
                }
            },
        );

        let scratch = &mut lock(&self.threads[0]).attention;
        let rows = partials.state.chunks_exact(heads).zip(partials.sums.chunks_exact(heads * parts));
        for (kv_head, output) in output[..width].chunks_exact_mut(heads_width).enumerate() {
            let first = kv_head * queries;
            let mut of_spans = rows.clone().take(spans).map(|(states, sums)| {
                (&states[first..first + queries], &sums[first * parts..(first + queries) * parts])
            });
            let (state, sums) = scratch.partial(queries, parts);
            if let Some((first_state, first_sums)) = of_spans.next() {
                state.copy_from_slice(first_state);
                sums.copy_from_slice(first_sums);
            }
            for later in of_spans {
                isa.run(Absorb { state, sums, later });
            }
            isa.run(Finish { scratch, queries, head_dim });
            output.copy_from_slice(scratch.result(0, heads_width));
        }
    }
}
