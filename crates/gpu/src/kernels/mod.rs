//! The kernels of a device: which variants are in use, their launch shapes, their compiled pipelines.

pub(crate) mod config;
pub(crate) mod matvec_launch;
pub(crate) mod pipelines;
