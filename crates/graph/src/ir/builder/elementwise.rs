//! Recording operations on the elements of rows.

use crate::ir::builder::Builder;
use crate::ir::ops::Op;
use crate::ir::ops::{Activation, Scale, Slice};
use crate::ir::value::{Value, ValueInfo, WeightId};

impl Builder {
    /// `a + b`, element by element.
    pub fn add(&self, a: Value, b: Value) -> Value {
        self.elementwise("add", Op::Add, a, b)
    }

    /// `activation(gate) * up`, element by element.
    pub fn gated(&self, activation: Activation, gate: Value, up: Value) -> Value {
        self.elementwise("gated", Op::Gated(activation), gate, up)
    }

    /// `silu(gate) * up`, element by element.
    pub fn swiglu(&self, gate: Value, up: Value) -> Value {
        self.gated(Activation::Silu, gate, up)
    }

    /// `a * b`, element by element.
    pub fn multiply(&self, a: Value, b: Value) -> Value {
        self.gated(Activation::Identity, a, b)
    }

    /// `factor * x`; nothing for a factor of 1.
    pub fn scale(&self, x: Value, factor: f32) -> Value {
        if factor == 1.0 {
            return x;
        }
        let mut s = self.state.borrow_mut();
        let info = s.values[x.0 as usize];
        s.push_one(Op::Scale(Scale { factor, weight: None }), vec![x], info)
    }

    /// `weight[0] * x`; nothing without a weight.
    pub fn scale_by(&self, x: Value, weight: Option<WeightId>) -> Value {
        let Some(weight) = weight else { return x };
        let mut s = self.state.borrow_mut();
        let info = s.values[x.0 as usize];
        s.uses(weight).vector = true;
        s.expect_width("scale", weight, 1);
        s.push_one(Op::Scale(Scale { factor: 1.0, weight: Some(weight) }), vec![x], info)
    }

    /// `cap * tanh(x / cap)`; nothing without a cap.
    pub fn soft_cap(&self, x: Value, cap: Option<f32>) -> Value {
        let Some(cap) = cap else { return x };
        let mut s = self.state.borrow_mut();
        let info = s.values[x.0 as usize];
        s.push_one(Op::SoftCap(cap), vec![x], info)
    }

    /// The `len` elements of each row, beginning at `start`.
    pub fn slice(&self, x: Value, start: usize, len: usize) -> Value {
        let stride = self.state.borrow().values[x.0 as usize].width;
        self.slices(x, Slice { start, len, stride })
    }

    /// The `len` elements, beginning at `start`, of each group of `stride` elements of a row, concatenated.
    pub fn slices(&self, x: Value, slice: Slice) -> Value {
        let mut s = self.state.borrow_mut();
        let ValueInfo { rows, width } = s.values[x.0 as usize];
        let Slice { start, len, stride } = slice;
        let within = start.checked_add(len).is_some_and(|end| end <= stride);
        if len == 0 || !within || !width.is_multiple_of(stride) {
            s.shape_error("slice", width, "the slice is not within the row");
        }
        let width = width.checked_div(stride).unwrap_or(0) * len;
        s.push_one(Op::Slice(slice), vec![x], ValueInfo { rows, width })
    }

    fn elementwise(&self, name: &'static str, op: Op, a: Value, b: Value) -> Value {
        let mut s = self.state.borrow_mut();
        let (left, right) = (s.values[a.0 as usize], s.values[b.0 as usize]);
        s.expect_equal(name, left, right);
        s.push_one(op, vec![a, b], left)
    }
}
