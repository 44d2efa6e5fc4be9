//! linnet-gguf
