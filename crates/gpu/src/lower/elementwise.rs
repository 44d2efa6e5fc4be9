//! Lowering of operations on the elements of rows.

use linnet_graph::{Activation, BackendError, FusedOp, GatedParts, Node, Rows, Scale, Slice, ValueInfo};
use linnet_shaders::Kernel;
use wgpu::BindingResource;

use crate::kernels::Constants;
use crate::layout::{activation, flag, row_groups, stride};
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Grid, When};

/// The constants of kernels with four elements per invocation.
fn quads(info: ValueInfo) -> (Constants, Grid) {
    let quads = stride(info.width) / 4;
    let constants = vec![("QUADS", quads as f64), ("LOGITS", flag(info.rows == Rows::Logits))];
    (constants, Grid::per_row(row_groups(quads)))
}

impl Lowering<'_> {
    /// `y = a + b`.
    pub fn add(&mut self, node: &Node<FusedOp>) -> Result<(), BackendError> {
        let ((a, info), (b, _)) = (self.input(node, 0)?, self.input(node, 1)?);
        let (constants, grid) = quads(info);
        let bound = [self.buffers.step(), a, b, self.output(node, 0)?];
        self.always(node, (Kernel::Add, constants), (grid, info.rows), &bound)
    }

    /// `y = activation(gate) * up`; the buffers are gate, up and y.
    pub fn gated(
        &mut self,
        label: &str,
        of: Activation,
        [gate, up, y]: [BindingResource<'_>; 3],
        info: ValueInfo,
        when: When,
    ) -> Result<(), BackendError> {
        let (mut constants, grid) = quads(info);
        constants.push(("ACTIVATION", activation(of)));
        let call = Call { kernel: Kernel::Gated, constants, grid, rows: info.rows, when };
        self.emit.push(label, call, &[self.buffers.step(), gate, up, y])
    }

    /// The same for a part of each row of one value and a part of each row of another or the same value.
    pub fn gated_parts(
        &mut self,
        label: &str,
        parts: &GatedParts,
        [(gate, of_gate), (up, of_up)]: [(BindingResource<'_>, ValueInfo); 2],
        (y, width): (BindingResource<'_>, usize),
        when: When,
    ) -> Result<(), BackendError> {
        let constants = vec![
            ("WIDTH", width as f64),
            ("STRIDE", stride(width) as f64),
            ("X_STRIDE", stride(of_gate.width) as f64),
            ("OTHER_STRIDE", stride(of_up.width) as f64),
            ("GATE", parts.gate as f64),
            ("UP", parts.up as f64),
            ("LOGITS", flag(of_gate.rows == Rows::Logits)),
            ("ACTIVATION", activation(parts.activation)),
        ];
        let grid = Grid::per_row(row_groups(width));
        let call = Call { kernel: Kernel::GatedParts, constants, grid, rows: of_gate.rows, when };
        self.emit.push(label, call, &[self.buffers.step(), gate, up, y])
    }

    /// `y = factor * weight * x`.
    pub fn scale(&mut self, node: &Node<FusedOp>, scale: &Scale) -> Result<(), BackendError> {
        let (x, info) = self.input(node, 0)?;
        let (mut constants, grid) = quads(info);
        constants.push(("FACTOR", f64::from(scale.factor)));
        constants.push(("WEIGHTED", flag(scale.weight.is_some())));
        let weight = self.buffers.vector(scale.weight)?;
        let bound = [self.buffers.step(), x, weight, self.output(node, 0)?];
        self.always(node, (Kernel::Scale, constants), (grid, info.rows), &bound)
    }

    /// `y = cap * tanh(x / cap)`.
    pub fn soft_cap(&mut self, node: &Node<FusedOp>, cap: f32) -> Result<(), BackendError> {
        let (x, info) = self.input(node, 0)?;
        let (mut constants, grid) = quads(info);
        constants.push(("CAP", f64::from(cap)));
        let bound = [self.buffers.step(), x, self.output(node, 0)?];
        self.always(node, (Kernel::SoftCap, constants), (grid, info.rows), &bound)
    }

    /// A part of each group of consecutive elements.
    pub fn slice(&mut self, node: &Node<FusedOp>, slice: &Slice) -> Result<(), BackendError> {
        let (x, info) = self.input(node, 0)?;
        let width = info.width / slice.stride * slice.len;
        let constants = vec![
            ("WIDTH", width as f64),
            ("STRIDE", stride(width) as f64),
            ("X_STRIDE", stride(info.width) as f64),
            ("FIRST", slice.start as f64),
            ("LEN", slice.len as f64),
            ("GROUP", slice.stride as f64),
            ("LOGITS", flag(info.rows == Rows::Logits)),
        ];
        let grid = Grid::per_row(row_groups(width));
        let bound = [self.buffers.step(), x, self.output(node, 0)?];
        self.always(node, (Kernel::Slice, constants), (grid, info.rows), &bound)
    }
}
