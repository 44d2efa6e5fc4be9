//! Which of the kernels' variants are in use, and how that choice steps down where they turn out not to work.

use std::cell::{Cell, RefCell};

use linnet_graph::BackendError;
use linnet_shaders::{Format, Math, matvec};

use crate::error::no_adapter;

/// The size of a workgroup of products of one row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    /// Invocations, a power of two.
    pub threads: u32,
    /// How many rows each takes one after the other; a power of two.
    pub turns: u32,
}

impl Shape {
    /// Those that there are.
    pub const ALL: [Shape; 4] = [
        Shape { threads: 64, turns: 1 },
        Shape { threads: 128, turns: 1 },
        Shape { threads: 256, turns: 1 },
        Shape { threads: 256, turns: 2 },
    ];
}

/// A choice of kernels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chosen {
    /// Least number of invocations of a subgroup, where kernels use subgroup operations.
    pub subgroup_size: Option<u32>,
    /// Products and attention use the kernels for adapters that run on the CPU.
    pub software: bool,
    /// What products are computed in, where a matrix has integers.
    pub math: Math,
    /// Shapes for products in [`Math::F32`], [`Math::F16`], [`Math::Int8`].
    pub shapes: [Shape; 3],
}

impl Default for Chosen {
    /// What every adapter can do.
    fn default() -> Chosen {
        let small = Shape { threads: matvec::THREADS, turns: 1 };
        // A workgroup that stages its inputs should have rows to use them for.
        let large = Shape { threads: 4 * matvec::THREADS, turns: 1 };
        Chosen { subgroup_size: None, software: false, math: Math::F32, shapes: [small, large, large] }
    }
}

impl Chosen {
    /// What a product with matrices of these formats is computed in.
    pub fn math_for(&self, formats: &[Format]) -> Math {
        let all = formats.iter().all(|format| format.math().contains(&self.math));
        if self.software || !all { Math::F32 } else { self.math }
    }

    /// Names of what is used besides what every adapter has.
    pub fn features(&self) -> impl Iterator<Item = &'static str> {
        let math = match self.math {
            _ if self.software => None,
            Math::F32 => None,
            Math::F16 => Some("shader-f16"),
            Math::Int8 => Some("dot4I8Packed"),
        };
        self.subgroup_size.map(|_| "subgroups").into_iter().chain(math)
    }

    /// The shape for such products.
    pub fn shape(&self, math: Math) -> Shape {
        self.shapes[math as usize]
    }
}

/// The choice of a device, and what is known of it.
pub(crate) struct Variants {
    chosen: Cell<Chosen>,
    steps_down: RefCell<Vec<String>>,
}

impl Variants {
    pub fn new(chosen: Chosen) -> Variants {
        Variants { chosen: Cell::new(chosen), steps_down: RefCell::default() }
    }

    /// The kernels in use.
    pub fn chosen(&self) -> Chosen {
        self.chosen.get()
    }

    /// Uses other kernels.
    pub fn prefer(&self, chosen: Chosen) {
        self.chosen.set(chosen);
    }

    /// Whether anything was given up.
    pub fn has_stepped_down(&self) -> bool {
        !self.steps_down.borrow().is_empty()
    }

    /// What was given up, and why.
    pub fn steps_down(&self) -> Vec<String> {
        self.steps_down.borrow().clone()
    }

    /// Gives up the variant that asks most of the adapter.
    ///
    /// # Errors
    /// [`BackendError::NoAdapter`] where there is nothing left to give up.
    pub fn step_down(&self, why: &str) -> Result<(), BackendError> {
        let (chosen, without) = match self.chosen.get() {
            chosen @ Chosen { software: true, .. } => {
                (Chosen { software: false, ..chosen }, "kernels for software adapters")
            }
            chosen @ Chosen { math: Math::F16, .. } => (Chosen { math: Math::F32, ..chosen }, "f16"),
            chosen @ Chosen { math: Math::Int8, .. } => {
                (Chosen { math: Math::F32, ..chosen }, "products of integers")
            }
            chosen @ Chosen { subgroup_size: Some(_), .. } => {
                (Chosen { subgroup_size: None, ..chosen }, "subgroups")
            }
            _ => return Err(no_adapter(format!("it does not compute what it should ({why})"))),
        };
        self.chosen.set(chosen);
        self.steps_down.borrow_mut().push(format!("without {without}: {why}"));
        Ok(())
    }
}
