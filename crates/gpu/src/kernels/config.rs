//! Which variants of the kernels are in use, and which are disabled because they do not work.

use std::cell::{Cell, RefCell};

use linnet_graph::BackendError;
use linnet_shaders::{Format, Math, matvec};

use crate::error::no_adapter;

/// The shape of the workgroups for products of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WorkgroupShape {
    /// Invocations, a power of two.
    pub threads: u32,
    /// How many rows each takes in sequence; a power of two.
    pub rows_per_thread: u32,
}

impl WorkgroupShape {
    /// All shapes.
    pub const ALL: [WorkgroupShape; 4] = [
        WorkgroupShape { threads: 64, rows_per_thread: 1 },
        WorkgroupShape { threads: 128, rows_per_thread: 1 },
        WorkgroupShape { threads: 256, rows_per_thread: 1 },
        WorkgroupShape { threads: 256, rows_per_thread: 2 },
    ];
}

/// The selected kernels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Selected {
    /// Least number of invocations of a subgroup, if kernels use subgroup operations.
    pub subgroup_size: Option<u32>,
    /// Products and attention use the kernels for adapters that run on the CPU.
    pub software: bool,
    /// Arithmetic of products with matrices of integers.
    pub math: Math,
    /// Shapes for products in [`Math::F32`], [`Math::F16`], [`Math::Int8`].
    pub shapes: [WorkgroupShape; 3],
}

impl Default for Selected {
    /// The kernels that every adapter supports.
    fn default() -> Selected {
        let small = WorkgroupShape { threads: matvec::THREADS, rows_per_thread: 1 };
        // A workgroup that stages its inputs needs enough rows to share them.
        let large = WorkgroupShape { threads: 4 * matvec::THREADS, rows_per_thread: 1 };
        Selected { subgroup_size: None, software: false, math: Math::F32, shapes: [small, large, large] }
    }
}

impl Selected {
    /// Arithmetic of a product with matrices of these formats.
    pub fn math_for(&self, formats: &[Format]) -> Math {
        let all = formats.iter().all(|format| format.math().contains(&self.math));
        if self.software || !all { Math::F32 } else { self.math }
    }

    /// Names of the optional features in use.
    pub fn features(&self) -> impl Iterator<Item = &'static str> {
        let math = match self.math {
            _ if self.software => None,
            Math::F32 => None,
            Math::F16 => Some("shader-f16"),
            Math::Int8 => Some("dot4I8Packed"),
        };
        self.subgroup_size.map(|_| "subgroups").into_iter().chain(math)
    }

    /// The workgroup shape of products in this arithmetic.
    pub fn shape(&self, math: Math) -> WorkgroupShape {
        self.shapes[math as usize]
    }
}

/// The kernels of a device, and the features that were disabled.
pub(crate) struct KernelConfig {
    selected: Cell<Selected>,
    disabled_features: RefCell<Vec<String>>,
}

impl KernelConfig {
    pub fn new(selected: Selected) -> KernelConfig {
        KernelConfig { selected: Cell::new(selected), disabled_features: RefCell::default() }
    }

    /// The kernels in use.
    pub fn selected(&self) -> Selected {
        self.selected.get()
    }

    /// Uses other kernels.
    pub fn prefer(&self, selected: Selected) {
        self.selected.set(selected);
    }

    /// Whether any feature was disabled.
    pub fn has_disabled_features(&self) -> bool {
        !self.disabled_features.borrow().is_empty()
    }

    /// The disabled features, each with the reason.
    pub fn disabled_features(&self) -> Vec<String> {
        self.disabled_features.borrow().clone()
    }

    /// Disables the variant with the highest requirements.
    ///
    /// # Errors
    /// [`BackendError::NoAdapter`] if no variant is left to disable.
    pub fn disable_next(&self, why: &str) -> Result<(), BackendError> {
        let (selected, without) = match self.selected.get() {
            selected @ Selected { software: true, .. } => {
                (Selected { software: false, ..selected }, "kernels for software adapters")
            }
            selected @ Selected { math: Math::F16, .. } => (Selected { math: Math::F32, ..selected }, "f16"),
            selected @ Selected { math: Math::Int8, .. } => {
                (Selected { math: Math::F32, ..selected }, "integer products")
            }
            selected @ Selected { subgroup_size: Some(_), .. } => {
                (Selected { subgroup_size: None, ..selected }, "subgroups")
            }
            _ => return Err(no_adapter(format!("the adapter computes wrong results ({why})"))),
        };
        self.selected.set(selected);
        self.disabled_features.borrow_mut().push(format!("without {without}: {why}"));
        Ok(())
    }
}
