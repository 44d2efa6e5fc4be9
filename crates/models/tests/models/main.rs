//! Models recorded from generated headers.

mod file;
mod limits;
mod llama;
mod variants;
mod windows;
