//! Models recorded from headers made here.

mod file;
mod limits;
mod llama;
mod variants;
mod windows;
