//! linnet-text
