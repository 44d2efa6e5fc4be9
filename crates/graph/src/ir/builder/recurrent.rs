//! Recording operations that keep state from step to step in addition to the KV cache.

use crate::ir::builder::{Builder, State};
use crate::ir::ops::Op;
use crate::ir::ops::{Conv, DeltaNet};
use crate::ir::value::{Value, ValueInfo, WeightId};

impl Builder {
    /// Causal convolution of each channel of `x [Tokens, channels]` with its row of `kernel [channels, taps]`, then
    /// silu if requested. Declares its state.
    pub fn conv(&self, x: Value, kernel: WeightId, silu: bool) -> Value {
        let mut s = self.state.borrow_mut();
        let info = s.values[x.0 as usize];
        let (channels, taps) = (s.weights[kernel.0 as usize].rows, s.weights[kernel.0 as usize].cols);
        s.uses(kernel).vector = true;
        if channels != info.width || taps < 2 {
            s.shape_error(
                "conv",
                info.width,
                "the kernel has a different number of channels, or fewer than two taps",
            );
        }
        let state = s.state(channels.saturating_mul(taps.saturating_sub(1)));
        s.push_one(Op::Conv(Conv { state, kernel, taps, silu }), vec![x], info)
    }

    /// The gated delta rule; see [`DeltaNet`], whose `state` is declared here.
    pub fn delta_net(&self, qkv: Value, beta: Value, alpha: Value, op: DeltaNet) -> Value {
        let mut s = self.state.borrow_mut();
        let info = s.values[qkv.0 as usize];
        let DeltaNet { key_heads, value_heads, head_dim, .. } = op;
        if key_heads == 0
            || value_heads % key_heads != 0
            || key_heads.saturating_mul(2).saturating_add(value_heads).saturating_mul(head_dim) != info.width
        {
            s.heads_error(value_heads, key_heads, head_dim, info.width);
        }
        let per_head = ValueInfo { width: value_heads, ..info };
        for value in [beta, alpha] {
            let found = s.values[value.0 as usize];
            s.expect_equal("delta_net", per_head, found);
        }
        for weight in [op.a, op.dt_bias] {
            s.uses(weight).vector = true;
            s.expect_width("delta_net", weight, value_heads);
        }
        let state = s.state(value_heads.saturating_mul(head_dim).saturating_mul(head_dim));
        let op = Op::DeltaNet(DeltaNet { state, ..op });
        s.push_one(
            op,
            vec![qkv, beta, alpha],
            ValueInfo { width: value_heads.saturating_mul(head_dim), ..info },
        )
    }
}

impl State {
    fn state(&mut self, len: usize) -> usize {
        self.states.push(len);
        self.states.len() - 1
    }
}
