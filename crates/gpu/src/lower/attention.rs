//! Lowering of attention, alone and fused with the operations before it.

use linnet_graph::{Attention, BackendError, FusedOp, KvLayer, Node, RopeStyle, Rows, SelfAttention};
use linnet_shaders::{Cache, Kernel, QUERIES, attention};
use wgpu::BindingResource;

use crate::error::unsupported_width;
use crate::kernels::Constants;
use crate::layout::{LONG_CONTEXT, cache, flag, row_groups};
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Grid, When};

/// Which variant of an attention a dispatch runs.
#[derive(Clone, Copy)]
struct Form {
    /// For one token, a workgroup serves the heads of a group; otherwise as many queries as it can.
    one_token: bool,
    /// It normalizes and rotates the heads itself.
    fused: bool,
    /// Number of workgroups that share the positions.
    splits: Option<u32>,
}

/// The arguments of the kernels for the attention of one token.
struct OneToken<'b> {
    attention: Attention,
    /// Its kernel normalizes and rotates the heads itself.
    fused: bool,
    constants: Constants,
    /// The buffers before y.
    before_y: [BindingResource<'b>; 5],
    y: BindingResource<'b>,
    /// The buffers after y.
    after_y: Vec<BindingResource<'b>>,
}

impl<'a> Lowering<'a> {
    /// Stores the keys and values of the step's tokens in the cache.
    pub fn store_kv(&mut self, node: &Node<FusedOp>, layer: usize) -> Result<(), BackendError> {
        let ((k, _), (v, _)) = (self.input(node, 0)?, self.input(node, 1)?);
        let [keys, values] = self.buffers.kv(layer)?;
        let KvLayer { kv_heads, head_dim, .. } = self.plan.graph.kv_layers[layer];
        let quads = head_dim / 4;
        let constants = vec![("KV_HEADS", kv_heads as f64), ("QUADS", quads as f64), self.ring(layer)];
        let cache = cache(self.emit.options.kv);
        let units = if cache == Cache::Q8_0 { Cache::blocks(head_dim) } else { quads };
        let grid = Grid::per_row(row_groups(kv_heads * units));
        let bound = [self.buffers.step(), k, v, keys, values];
        self.always(node, (Kernel::StoreKv(cache), constants), (grid, Rows::Tokens), &bound)
    }

    /// The size of a layer's ring cache; 0 for a cache of the whole context, so that programs with different contexts
    /// share kernels.
    fn ring(&self, layer: usize) -> (&'static str, f64) {
        let options = &self.emit.options;
        let positions = self.plan.graph.kv_layers[layer].positions(options);
        ("RING", if positions < options.context_length { positions as f64 } else { 0.0 })
    }

    /// The constants of all kernels of an attention.
    fn scores(&self, attention: &Attention) -> Constants {
        let context = self.emit.options.context_length;
        vec![
            ("HEADS", attention.heads as f64),
            ("KV_HEADS", attention.kv_heads as f64),
            ("HEAD_DIM", attention.head_dim as f64),
            ("SCALE", f64::from(attention.scale)),
            ("CAP", f64::from(attention.soft_cap.unwrap_or(0.0))),
            // A window larger than the context has no effect.
            ("WINDOW", attention.window.filter(|w| *w <= context).unwrap_or(0) as f64),
            self.ring(attention.layer),
            ("SINKS", flag(attention.sinks.is_some())),
            ("WARMTH", f64::from(attention.temperature.map_or(0.0, |t| t.scale))),
            ("PERIOD", attention.temperature.map_or(1, |t| t.period.max(1)) as f64),
        ]
    }

    /// The kernel of an attention, and its grid.
    fn attention_kernel(&self, attention: &Attention, form: Form) -> (Kernel, Grid) {
        let Form { one_token, fused, splits } = form;
        let Attention { heads, kv_heads, head_dim, .. } = *attention;
        let share = heads / kv_heads;
        let software = self.emit.gpu.config.selected().software;
        let slots = attention::slots(head_dim);
        let widest = match software {
            true => attention::widest(slots),
            false if head_dim > attention::MAX_HEAD_DIM_WIDE => QUERIES[2],
            false => QUERIES[3],
        };
        let queries = QUERIES.into_iter().find(|q| one_token && *q as usize >= share).unwrap_or(widest);
        let queries = queries.min(widest);
        let cache = cache(self.emit.options.kv);
        let kernel = match software {
            true => Kernel::AttentionBroadcast { queries, slots, cache, fused },
            false => Kernel::Attention { queries, cache, fused, split: splits.is_some() },
        };
        let x = kv_heads as u32 * splits.unwrap_or(1);
        (kernel, Grid::Rows { x, factor: share as u32, tile: queries })
    }

    /// The number of workgroups that share the positions of one token in a long context.
    fn splits(&self, attention: &Attention) -> Option<u32> {
        let seen = self.emit.options.context_length.min(attention.window.unwrap_or(usize::MAX)) as u32;
        let far = seen > LONG_CONTEXT && !self.emit.gpu.config.selected().software;
        far.then(|| attention::splits(seen))
    }

    /// The attention of one token: one kernel for a short context, two for a long one if the context can be long.
    fn attention_of_one<'b>(&mut self, label: &str, one: OneToken<'b>) -> Result<(), BackendError>
    where
        'a: 'b,
    {
        let OneToken { attention, fused, constants, before_y, y, after_y } = one;
        let bound = |y: BindingResource<'b>| -> Vec<BindingResource<'b>> {
            before_y.iter().cloned().chain([y]).chain(after_y.iter().cloned()).collect()
        };
        let splits = self.splits(&attention);
        let (kernel, grid) = self.attention_kernel(&attention, Form { one_token: true, fused, splits: None });
        let when = if splits.is_some() { When::ShortContext } else { When::OneRow };
        let call = Call { kernel, constants: constants.clone(), grid, rows: Rows::Tokens, when };
        self.emit.push(label, call, &bound(y.clone()))?;
        let Some(splits) = splits else { return Ok(()) };
        let form = Form { one_token: true, fused, splits: Some(splits) };
        let (kernel, grid) = self.attention_kernel(&attention, form);
        let split = ("SPLITS", f64::from(splits));
        let (constants, when) = ([constants, vec![split]].concat(), When::LongContext);
        let parts = self.buffers.parts();
        let call = Call { kernel, constants, grid, rows: Rows::Tokens, when };
        self.emit.push(label, call, &bound(parts.clone()))?;
        let Attention { heads, head_dim, .. } = attention;
        let constants = vec![("HEADS", heads as f64), ("HEAD_DIM", head_dim as f64), split];
        let grid = Grid::per_row(row_groups(heads * head_dim / 4));
        let call = Call { kernel: Kernel::AttentionMerge, constants, grid, rows: Rows::Tokens, when };
        self.emit.push(label, call, &[parts, y])
    }

    fn check_heads(&self, label: &str, head_dim: usize) -> Result<(), BackendError> {
        if !head_dim.is_multiple_of(4) || head_dim > attention::MAX_HEAD_DIM {
            return Err(unsupported_width(label, head_dim, 4));
        }
        Ok(())
    }

    /// One dispatch for decoding, in which the heads of a group are the queries, and one for prefill.
    pub fn attention(
        &mut self,
        label: &str,
        attention: &Attention,
        q: BindingResource<'_>,
        y: BindingResource<'_>,
    ) -> Result<(), BackendError> {
        for when in [When::OneRow, When::ManyRows] {
            self.attention_when(label, attention, [q.clone(), y.clone()], when)?;
        }
        Ok(())
    }

    fn attention_when(
        &mut self,
        label: &str,
        attention: &Attention,
        [q, y]: [BindingResource<'_>; 2],
        when: When,
    ) -> Result<(), BackendError> {
        self.check_heads(label, attention.head_dim)?;
        let [keys, values] = self.buffers.kv(attention.layer)?;
        let sinks = self.buffers.vector(attention.sinks)?;
        let constants = self.scores(attention);
        let before_y = [self.buffers.step(), q, keys, values, sinks];
        if when == When::OneRow {
            let (attention, after_y) = (*attention, Vec::new());
            let one = OneToken { attention, fused: false, constants, before_y, y, after_y };
            return self.attention_of_one(label, one);
        }
        let form = Form { one_token: false, fused: false, splits: None };
        let (kernel, grid) = self.attention_kernel(attention, form);
        let bound: Vec<_> = before_y.into_iter().chain([y]).collect();
        self.emit.push(label, Call { kernel, constants, grid, rows: Rows::Tokens, when }, &bound)
    }

    /// One dispatch for one token; for several, one that prepares the heads and one for the attention. Heads with pairs
    /// that do not fill quads are not fused, so they do not occur here.
    pub fn self_attention(&mut self, node: &Node<FusedOp>, op: &SelfAttention) -> Result<(), BackendError> {
        let attention = &op.attention;
        self.check_heads(&node.label, attention.head_dim)?;
        let ((qkv, _), y) = (self.input(node, 0)?, self.output(node, 0)?);
        let [keys, values] = self.buffers.kv(attention.layer)?;
        let eps = op.norms.iter().flatten().next().map_or(0.0, |norm| norm.eps);
        let pairs = op.rope.as_ref().map_or(0, |rope| rope.frequencies.len());
        let halves = op.rope.as_ref().is_some_and(|rope| rope.style == RopeStyle::Halves);
        let head_constants = [
            ("EPS", f64::from(eps)),
            ("QUERY_NORM", flag(op.norms[0].is_some())),
            ("KEY_NORM", flag(op.norms[1].is_some())),
            ("VALUE_NORM", flag(op.norms[2].is_some())),
            ("PAIRS", pairs as f64),
            ("HALVES", flag(halves)),
        ];
        let table =
            op.rope.as_ref().map_or_else(|| Ok(self.buffers.none()), |rope| self.buffers.rope(rope))?;
        let gains = self.buffers.of_node(self.index);
        let sinks = self.buffers.vector(attention.sinks)?;

        let constants = [self.scores(attention), head_constants.to_vec()].concat();
        let step = self.buffers.step();
        let one = OneToken {
            attention: *attention,
            fused: true,
            constants,
            before_y: [step.clone(), qkv.clone(), keys.clone(), values.clone(), sinks],
            y: y.clone(),
            after_y: vec![table.clone(), gains.clone()],
        };
        self.attention_of_one(&node.label, one)?;
        if self.emit.options.max_rows(Rows::Tokens) == 1 {
            return Ok(());
        }

        let Attention { heads, kv_heads, head_dim, .. } = *attention;
        let sizes = [("HEADS", heads), ("KV_HEADS", kv_heads), ("HEAD_DIM", head_dim)];
        let mut constants: Constants = sizes.map(|(name, size)| (name, size as f64)).to_vec();
        constants.extend(head_constants);
        constants.push(self.ring(attention.layer));
        let kernel = Kernel::Heads(cache(self.emit.options.kv));
        let grid = Grid::per_row((heads + 2 * kv_heads) as u32);
        let call = Call { kernel, constants, grid, rows: Rows::Tokens, when: When::ManyRows };
        let queries = self.buffers.queries();
        self.emit.push(&node.label, call, &[step, qkv, keys, values, table, gains, queries.clone()])?;
        self.attention_when(&node.label, attention, [queries, y], When::ManyRows)
    }
}
