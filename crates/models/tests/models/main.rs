//! Models recorded from headers made here.

mod file;
mod llama;
mod variants;
mod windows;
