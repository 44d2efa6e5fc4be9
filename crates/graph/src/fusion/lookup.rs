//! A graph with an index of readers and writers, for passes that change it.

use crate::fusion::readers::without;
use crate::ir::{FusedOp, Graph, Node, Value, ValueInfo};

/// A graph with the nodes that read and write each value, updated with each change: searching for them at every node of
/// a pass would take time quadratic in the number of layers.
pub(crate) struct Lookup {
    graph: Graph<FusedOp>,
    /// In node order; a node that reads a value twice is listed twice.
    readers: Vec<Vec<usize>>,
    writers: Vec<Vec<usize>>,
    /// Nodes to remove when the pass ends. Until then they count as readers and writers.
    dead: Vec<usize>,
}

impl Lookup {
    pub(crate) fn new(graph: Graph<FusedOp>) -> Self {
        let lists = || vec![Vec::new(); graph.values.len()];
        let (readers, writers) = (lists(), lists());
        let mut lookup = Lookup { graph, readers, writers, dead: Vec::new() };
        for index in 0..lookup.graph.nodes.len() {
            lookup.connect(index);
        }
        lookup
    }

    pub(crate) fn graph(&self) -> &Graph<FusedOp> {
        &self.graph
    }

    pub(crate) fn node(&self, index: usize) -> &Node<FusedOp> {
        &self.graph.nodes[index]
    }

    /// The nodes that read a value, in their order.
    pub(crate) fn readers(&self, value: Value) -> &[usize] {
        &self.readers[value.0 as usize]
    }

    /// The node that writes a value, if exactly one node reads the value.
    pub(crate) fn only_for(&self, value: Value) -> Option<(usize, &Node<FusedOp>)> {
        let alone = self.readers(value).len() == 1;
        let writer = *self.writers[value.0 as usize].last()?;
        alone.then(|| (writer, self.node(writer)))
    }

    /// Changes a node.
    pub(crate) fn edit(&mut self, index: usize, change: impl FnOnce(&mut Node<FusedOp>)) {
        let Node { inputs, outputs, .. } = &self.graph.nodes[index];
        for (values, lists) in [(inputs, &mut self.readers), (outputs, &mut self.writers)] {
            values.iter().for_each(|value| lists[value.0 as usize].retain(|&other| other != index));
        }
        change(&mut self.graph.nodes[index]);
        self.connect(index);
    }

    /// Adds a value.
    pub(crate) fn new_value(&mut self, info: ValueInfo) -> Value {
        self.graph.values.push(info);
        self.readers.push(Vec::new());
        self.writers.push(Vec::new());
        Value(self.graph.values.len() as u32 - 1)
    }

    /// Marks nodes for removal at the end.
    pub(crate) fn remove(&mut self, nodes: impl IntoIterator<Item = usize>) {
        self.dead.extend(nodes);
    }

    /// The changed graph.
    pub(crate) fn finish(self) -> Graph<FusedOp> {
        without(self.graph, &self.dead)
    }

    fn connect(&mut self, index: usize) {
        let Node { inputs, outputs, .. } = &self.graph.nodes[index];
        for (values, lists) in [(inputs, &mut self.readers), (outputs, &mut self.writers)] {
            for value in values {
                let list = &mut lists[value.0 as usize];
                list.insert(list.partition_point(|&other| other <= index), index);
            }
        }
    }
}
