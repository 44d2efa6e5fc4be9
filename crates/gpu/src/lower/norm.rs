//! Lowering of norms.

use linnet_graph::{BackendError, Norm, NormAdd, Rows, ValueInfo, WeightId};
use linnet_shaders::Kernel;
use wgpu::BindingResource;

use crate::error::unsupported_width;
use crate::layout::flag;
use crate::lower::context::{Call, Lowering};
use crate::lower::dispatch::{Grid, When};

impl Lowering<'_> {
    /// `y = norm(x)`, where `info` is the shape of x.
    pub fn norm(
        &mut self,
        label: &str,
        norm: Norm,
        [x, y]: [BindingResource<'_>; 2],
        info: ValueInfo,
        when: When,
    ) -> Result<(), BackendError> {
        self.norms(label, norm, ([x, y], None), info, when)
    }

    /// `y = scale * (residual + norm(x))`; the buffers are x, residual and y.
    pub fn norm_add(
        &mut self,
        label: &str,
        add: NormAdd,
        [x, residual, y]: [BindingResource<'_>; 3],
        info: ValueInfo,
        when: When,
    ) -> Result<(), BackendError> {
        self.norms(label, add.norm, ([x, y], Some((residual, add.scale))), info, when)
    }

    fn norms(
        &mut self,
        label: &str,
        norm: Norm,
        ([x, y], added): ([BindingResource<'_>; 2], Option<(BindingResource<'_>, Option<WeightId>)>),
        info: ValueInfo,
        when: When,
    ) -> Result<(), BackendError> {
        let parts = info.width / norm.width;
        if parts > 1 && !norm.width.is_multiple_of(4) {
            return Err(unsupported_width(label, norm.width, 4));
        }
        let mut constants = vec![
            ("WIDTH", norm.width as f64),
            ("PARTS", parts as f64),
            ("GAIN", flag(norm.weight.is_some())),
            ("EPS", f64::from(norm.eps)),
            ("LOGITS", flag(info.rows == Rows::Logits)),
        ];
        let grid = Grid::per_row(parts as u32);
        let kernel = Kernel::RmsNorm { adds: added.is_some() };
        let mut bound = vec![self.buffers.step(), x, self.buffers.gain(Some(norm))?, y];
        if let Some((residual, scale)) = added {
            constants.push(("SCALED", flag(scale.is_some())));
            bound.extend([residual, self.buffers.vector(scale)?]);
        }
        let call = Call { kernel, constants, grid, rows: info.rows, when };
        self.emit.push(label, call, &bound)
    }
}
