//! linnet-graph
