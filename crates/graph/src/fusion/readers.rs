//! Readers and writers of a graph's values.

use std::collections::HashMap;

use crate::ir::{Graph, Node, Value};

/// The nodes that read each value.
pub(crate) fn readers<O>(graph: &Graph<O>) -> HashMap<Value, Vec<usize>> {
    let mut readers: HashMap<Value, Vec<usize>> = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        for input in &node.inputs {
            readers.entry(*input).or_default().push(index);
        }
    }
    readers
}

/// The node that writes each value.
pub(crate) fn writers<O>(graph: &Graph<O>) -> HashMap<Value, usize> {
    let outputs =
        |(index, node): (usize, &Node<O>)| node.outputs.iter().map(move |o| (*o, index)).collect::<Vec<_>>();
    graph.nodes.iter().enumerate().flat_map(outputs).collect()
}

/// The graph without some of its nodes.
pub(crate) fn without<O>(mut graph: Graph<O>, dead: &[usize]) -> Graph<O> {
    let mut keep = vec![true; graph.nodes.len()];
    dead.iter().for_each(|&index| keep[index] = false);
    let mut keep = keep.into_iter();
    graph.nodes.retain(|_| keep.next().unwrap_or(true));
    graph
}
