//! Lowering of operations with recurrent state.
//!
//! Each state is stored twice, before and after the last step, so that a step can be repeated. The field `half` of
//! `Step` says which half is which, for all states.

use linnet_graph::{BackendError, Conv, DeltaNet, FusedOp, GatedConv, Node, Rows};
use linnet_shaders::Kernel;

use crate::layout::{flag, row_groups, stride};
use crate::lower::context::Lowering;
use crate::lower::dispatch::Grid;

impl Lowering<'_> {
    /// A convolution.
    pub fn conv(&mut self, node: &Node<FusedOp>, conv: &Conv) -> Result<(), BackendError> {
        let (x, info) = self.input(node, 0)?;
        let constants = vec![
            ("CHANNELS", info.width as f64),
            ("STRIDE", stride(info.width) as f64),
            ("TAPS", conv.taps as f64),
            ("SILU", flag(conv.silu)),
        ];
        let kernel = self.buffers.vector(Some(conv.kernel))?;
        let bound = [self.buffers.step(), x, kernel, self.buffers.state(conv.state)?, self.output(node, 0)?];
        let grid = Grid::Linear(row_groups(info.width));
        self.always(node, (Kernel::Conv { gated: false }, constants), (grid, Rows::Tokens), &bound)
    }

    /// A convolution of the product of two parts of a row, times a third part.
    pub fn gated_conv(&mut self, node: &Node<FusedOp>, op: &GatedConv) -> Result<(), BackendError> {
        let (x, info) = self.input(node, 0)?;
        let channels = self.weight(op.conv.kernel)?.spec.rows;
        let constants = vec![
            ("CHANNELS", channels as f64),
            ("STRIDE", stride(channels) as f64),
            ("TAPS", op.conv.taps as f64),
            ("SILU", flag(op.conv.silu)),
            ("ROW", stride(info.width) as f64),
            ("BEFORE", op.before as f64),
            ("X", op.x as f64),
            ("AFTER", op.after as f64),
        ];
        let (kernel, state) =
            (self.buffers.vector(Some(op.conv.kernel))?, self.buffers.state(op.conv.state)?);
        let bound = [self.buffers.step(), x, kernel, state, self.output(node, 0)?];
        let grid = Grid::Linear(row_groups(channels));
        self.always(node, (Kernel::Conv { gated: true }, constants), (grid, Rows::Tokens), &bound)
    }

    /// A gated delta rule.
    pub fn delta_net(&mut self, node: &Node<FusedOp>, net: &DeltaNet) -> Result<(), BackendError> {
        let (qkv, info) = self.input(node, 0)?;
        let (beta, alpha) = (self.input(node, 1)?.0, self.input(node, 2)?.0);
        let constants = vec![
            ("KEY_HEADS", net.key_heads as f64),
            ("VALUE_HEADS", net.value_heads as f64),
            ("HEAD_DIM", net.head_dim as f64),
            ("EPS", f64::from(net.eps)),
            ("STRIDE", stride(info.width) as f64),
            ("GATE_STRIDE", stride(net.value_heads) as f64),
            ("Y_STRIDE", stride(net.value_heads * net.head_dim) as f64),
        ];
        let bound = [
            self.buffers.step(),
            qkv,
            beta,
            alpha,
            self.buffers.vector(Some(net.a))?,
            self.buffers.vector(Some(net.dt_bias))?,
            self.buffers.state(net.state)?,
            self.output(node, 0)?,
        ];
        let grid = Grid::Linear(net.value_heads as u32);
        self.always(node, (Kernel::DeltaNet, constants), (grid, Rows::Tokens), &bound)
    }
}
