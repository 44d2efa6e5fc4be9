//! linnet-engine
