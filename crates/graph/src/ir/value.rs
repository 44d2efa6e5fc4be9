//! Names of weights and activations, and the shapes of activations.

/// A weight of the graph: an index into [`Graph::weights`](crate::Graph::weights).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WeightId(pub u32);

/// An activation of the graph: an index into [`Graph::values`](crate::Graph::values).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Value(pub u32);

/// How many rows an activation has in a step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rows {
    /// One row per token of the step.
    Tokens,
    /// One row per position whose logits are requested (the last ones of the step, possibly none).
    Logits,
}

/// The shape of an activation: `[rows, width]`, f32, row-major.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueInfo {
    /// Symbolic number of rows.
    pub rows: Rows,
    /// Number of f32 elements in a row.
    pub width: usize,
}

/// The experts that a router chose for each row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Their indices, `[rows, used]`.
    pub ids: Value,
    /// Their weights, `[rows, used]`.
    pub weights: Value,
}
