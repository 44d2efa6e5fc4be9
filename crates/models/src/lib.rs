//! linnet-models
