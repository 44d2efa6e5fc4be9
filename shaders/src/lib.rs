//! linnet-shaders
