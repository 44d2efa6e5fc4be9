//! Which of the kernels' variants are in use, and how that choice steps down where they turn out not to work.

use std::cell::{Cell, RefCell};

use linnet_graph::BackendError;

use crate::device::no_adapter;
use crate::self_test::Trial;

/// A choice of kernels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chosen {
    /// Least number of invocations of a subgroup, where kernels use subgroup operations.
    pub subgroup_size: Option<u32>,
    /// Products and attention use the kernels for adapters that run on the CPU.
    pub software: bool,
}

/// The choice of a device, and what is known of it.
pub(crate) struct Variants {
    chosen: Cell<Chosen>,
    trusted: RefCell<Vec<Trial>>,
    steps_down: RefCell<Vec<String>>,
}

impl Variants {
    pub fn new(chosen: Chosen) -> Variants {
        Variants { chosen: Cell::new(chosen), trusted: RefCell::default(), steps_down: RefCell::default() }
    }

    /// The kernels in use.
    pub fn chosen(&self) -> Chosen {
        self.chosen.get()
    }

    /// Whether the kernels in use have passed this trial.
    pub fn trusts(&self, trial: &Trial) -> bool {
        self.trusted.borrow().contains(trial)
    }

    /// Notes that they have.
    pub fn trust(&self, trial: Trial) {
        self.trusted.borrow_mut().push(trial);
    }

    /// What was given up, and why.
    pub fn steps_down(&self) -> Vec<String> {
        self.steps_down.borrow().clone()
    }

    /// Gives up the variant that asks most of the adapter; nothing is trusted any longer.
    ///
    /// # Errors
    /// [`BackendError::NoAdapter`] where there is nothing left to give up.
    pub fn step_down(&self, why: &str) -> Result<(), BackendError> {
        let (chosen, without) = match self.chosen.get() {
            Chosen { software: true, subgroup_size } => {
                (Chosen { software: false, subgroup_size }, "kernels for software adapters")
            }
            Chosen { subgroup_size: Some(_), .. } => {
                (Chosen { software: false, subgroup_size: None }, "subgroups")
            }
            _ => return Err(no_adapter(format!("it does not compute what it should ({why})"))),
        };
        self.chosen.set(chosen);
        self.trusted.borrow_mut().clear();
        self.steps_down.borrow_mut().push(format!("without {without}: {why}"));
        Ok(())
    }
}
