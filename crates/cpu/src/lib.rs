//! linnet-cpu
