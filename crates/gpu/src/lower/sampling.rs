//! The first and the last dispatch of a step: embedding its tokens, and sampling the next one, which also embeds it.

use linnet_graph::{BackendError, FusedOp, Node, Rows, WeightId};
use linnet_shaders::{Format, Kernel, embed};

use crate::layout::{row_groups, stride};
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Grid, When};
use crate::weights::Part;

impl<'a> Lowering<'a> {
    /// The row of each token in the table, times a factor.
    pub fn embed(&mut self, node: &Node<FusedOp>, table: WeightId, factor: f32) -> Result<(), BackendError> {
        let (format, parts) = self.matrix(table)?;
        let cols = self.weight(table)?.spec.cols;
        let chosen = self.embedded_by_sampling().is_some_and(|(first, ..)| std::ptr::eq(first, node));
        let grid = Grid::per_row(row_groups(cols.div_ceil(32) * (32 / embed::VALUES as usize)));
        for part in parts {
            let constants = vec![
                ("COLS", cols as f64),
                ("FIRST", part.first as f64),
                ("ROWS", part.rows as f64),
                ("SCALES", part.scales as f64),
                ("FACTOR", f64::from(factor)),
            ];
            let (table, buffers) = (part.buffer.as_entire_binding(), self.buffers);
            let bound = [buffers.step(), buffers.history(), table, self.output(node, 0)?];
            let when = if chosen { When::Given } else { When::Always };
            let call = Call { kernel: Kernel::Embed(format), constants, grid, rows: Rows::Tokens, when };
            self.emit.push(&node.label, call, &bound)?;
        }
        Ok(())
    }

    /// The embedding that `sample` does for its token: the first one, if the kernel can read the whole table.
    fn embedded_by_sampling(&self) -> Option<(&'a Node<FusedOp>, f32, Format, &'a [Part])> {
        let mut nodes = self.plan.graph.nodes.iter();
        let (node, table, factor) = nodes.find_map(|node| match node.op {
            FusedOp::Embed { table, factor } => Some((node, table, factor)),
            _ => None,
        })?;
        let (format, parts) = self.matrix(table).ok()?;
        let whole = parts.len() == 1 || parts.len() == 2 && format.is_halved();
        whole.then_some((node, factor, format, parts))
    }

    /// The next token, from the last row of logits.
    pub fn sample(&mut self, node: &Node<FusedOp>) -> Result<(), BackendError> {
        let (logits, info) = self.input(node, 0)?;
        let buffers = self.buffers;
        let [sampling, counts] = buffers.sampling();
        let mut constants = vec![("WIDTH", info.width as f64), ("STRIDE", stride(info.width) as f64)];
        let mut bound = vec![buffers.step(), sampling, logits, buffers.history(), counts];
        let embeds = self.embedded_by_sampling();
        if let Some((node, factor, _, [part, rest @ ..])) = embeds {
            let width = node.outputs.first().map_or(0, |output| self.plan.graph.value(*output).width);
            constants.extend([("COLS", width as f64), ("SCALES", part.scales as f64)]);
            constants.push(("FACTOR", f64::from(factor)));
            bound.extend([part.buffer.as_entire_binding(), self.output(node, 0)?]);
            for rest in rest {
                constants.extend([("REST", rest.first as f64), ("REST_SCALES", rest.scales as f64)]);
                bound.push(rest.buffer.as_entire_binding());
            }
        }
        let kernel = Kernel::Sample {
            table: embeds.map(|(_, _, format, _)| format),
            halved: embeds.is_some_and(|(.., parts)| parts.len() > 1),
        };
        let call = Call { kernel, constants, grid: Grid::Linear(1), rows: info.rows, when: When::Token };
        self.emit.push(&node.label, call, &bound)
    }
}
