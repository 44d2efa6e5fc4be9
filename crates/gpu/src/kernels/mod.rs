//! The kernels of a device: which of them are in use, their launch shapes, their compiled pipelines.

mod config;
mod gpu;
mod matvec_launch;
mod pipelines;

pub(crate) use config::{Selected, WorkgroupShape};
pub(crate) use gpu::Gpu;
pub(crate) use matvec_launch::MatvecLaunch;
pub(crate) use pipelines::Constants;
