//! Shared by the lowering of all operations: making dispatches, finding buffers and weights.

use linnet_graph::{BackendError, CompileOptions, FusedOp, Node, Plan, Rows, Value, ValueInfo, WeightId};
use linnet_shaders::{Format, Kernel};
use wgpu::BindingResource;

use crate::error::internal;
use crate::kernels::{Constants, Gpu};
use crate::lower::buffers::Buffers;
use crate::lower::dispatch::{Cost, Dispatch, Grid, When};
use crate::weights::{Data, Part, Weight};

/// A dispatch before its buffers are bound.
pub(crate) struct Call {
    pub kernel: Kernel,
    pub constants: Constants,
    pub grid: Grid,
    pub rows: Rows,
    pub when: When,
}

/// Makes dispatches.
pub(crate) struct Emitter<'a> {
    pub gpu: &'a Gpu,
    pub options: CompileOptions,
    /// The struct `Step`.
    pub step: BindingResource<'a>,
    pub dispatches: Vec<Dispatch>,
}

impl Emitter<'_> {
    /// Appends a dispatch. The buffers are in the order of their bindings.
    pub fn push(
        &mut self,
        label: &str,
        call: Call,
        buffers: &[BindingResource<'_>],
    ) -> Result<(), BackendError> {
        let label = format!("{} {label}", call.kernel.name());
        call.grid.validate(&label, self.options.max_rows(call.rows) as u32)?;
        let pipeline = self.gpu.pipeline(call.kernel, &call.constants);
        let last = call.kernel.looks_for_end().then_some(&self.step);
        let entries: Vec<_> = (0..)
            .zip(buffers.iter().chain(last))
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource: resource.clone() })
            .collect();
        let bindings = self.gpu.device.calls.bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&label),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let Call { grid, rows, when, .. } = call;
        self.dispatches.push(Dispatch { label, cost: Cost::default(), pipeline, bindings, grid, rows, when });
        Ok(())
    }

    /// Sets the cost of the last dispatch.
    pub fn weigh(&mut self, cost: Cost) {
        if let Some(last) = self.dispatches.last_mut() {
            last.cost = cost;
        }
    }
}

/// Lowers one plan.
pub(crate) struct Lowering<'a> {
    pub plan: &'a Plan<FusedOp>,
    pub weights: &'a [Weight],
    pub buffers: &'a Buffers,
    pub emit: Emitter<'a>,
    /// Index of the node that is being lowered.
    pub index: usize,
}

impl<'a> Lowering<'a> {
    /// An activation's buffer.
    pub fn value(&self, value: Value) -> Result<BindingResource<'a>, BackendError> {
        self.buffers.value(self.plan, value)
    }

    /// An input of a node, with its shape.
    pub fn input(
        &self,
        node: &Node<FusedOp>,
        index: usize,
    ) -> Result<(BindingResource<'a>, ValueInfo), BackendError> {
        let value = *node.inputs.get(index).ok_or_else(|| internal("a node lacks an input"))?;
        Ok((self.value(value)?, self.plan.graph.value(value)))
    }

    /// An output of a node.
    pub fn output(&self, node: &Node<FusedOp>, index: usize) -> Result<BindingResource<'a>, BackendError> {
        let value = *node.outputs.get(index).ok_or_else(|| internal("a node lacks an output"))?;
        self.value(value)
    }

    /// A dispatch that runs in every step, for rows of kind `rows`.
    pub fn always(
        &mut self,
        node: &Node<FusedOp>,
        (kernel, constants): (Kernel, Constants),
        (grid, rows): (Grid, Rows),
        buffers: &[BindingResource<'_>],
    ) -> Result<(), BackendError> {
        let call = Call { kernel, constants, grid, rows, when: When::Always };
        self.emit.push(&node.label, call, buffers)
    }

    /// A weight.
    pub fn weight(&self, id: WeightId) -> Result<&'a Weight, BackendError> {
        self.weights.get(id.0 as usize).ok_or_else(|| internal("a matrix is missing"))
    }

    /// A matrix among the weights: its format and its parts.
    pub fn matrix(&self, id: WeightId) -> Result<(Format, &'a [Part]), BackendError> {
        match &self.weight(id)?.data {
            Data::Matrix { format, parts } => Ok((*format, parts)),
            Data::Vector(_) => Err(internal("a vector is used as a matrix")),
        }
    }
}
