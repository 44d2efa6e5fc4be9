//! linnet-tests
