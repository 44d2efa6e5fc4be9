//! linnet-gpu
