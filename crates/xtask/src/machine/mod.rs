//! What the commands use of this machine: the workspace, programs, packages, compilers, model files.

pub mod model;
pub mod npm;
pub mod process;
pub mod programs;
pub mod toolchain;
pub mod workspace;
