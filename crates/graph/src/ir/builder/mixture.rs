//! Recording mixtures of experts.

use crate::ir::builder::Builder;
use crate::ir::ops::{ExpertMatMul, Op, Router};
use crate::ir::value::{Choice, Value, ValueInfo, WeightId};

impl Builder {
    /// Chooses experts by their `logits [rows, experts]`.
    pub fn router(&self, logits: Value, router: Router) -> Choice {
        let mut s = self.state.borrow_mut();
        let ValueInfo { rows, width } = s.values[logits.0 as usize];
        if router.experts != width || router.used == 0 || router.used > width {
            s.shape_error(
                "router",
                width,
                "it must be the number of experts, and at least as many as are used",
            );
        }
        if let Some(bias) = router.bias {
            s.uses(bias).vector = true;
            s.expect_width("router", bias, width);
        }
        let chosen = ValueInfo { rows, width: router.used };
        let [ids, weights] = s.push(Op::Router(router), vec![logits], [chosen; 2]);
        Choice { ids, weights }
    }

    /// The products of `x` with the matrices of the chosen experts, `[rows, used * outputs]`. `weight` has the matrices
    /// of all `experts`, concatenated; `x` is one input for all, `[rows, inputs]`, or one for each,
    /// `[rows, used * inputs]`.
    pub fn expert_matmul(
        &self,
        (weight, experts): (WeightId, usize),
        bias: Option<WeightId>,
        x: Value,
        choice: Choice,
    ) -> Value {
        let mut s = self.state.borrow_mut();
        let (input, ids) = (s.values[x.0 as usize], s.values[choice.ids.0 as usize]);
        let (stacked, inputs) = (s.weights[weight.0 as usize].rows, s.weights[weight.0 as usize].cols);
        s.uses(weight).experts = experts;
        let (outputs, used) = (stacked / experts.max(1), ids.width);
        if input.width != inputs && input.width != used.saturating_mul(inputs) {
            s.expect_width("expert_matmul", weight, input.width);
        }
        if outputs * experts != stacked || outputs == 0 || input.rows != ids.rows {
            s.shape_error("expert_matmul", input.width, "the matrix is not a stack of one matrix per expert");
        }
        if let Some(bias) = bias {
            s.uses(bias).vector = true;
            s.expect_width("expert_matmul", bias, outputs);
        }
        let info = ValueInfo { width: used.saturating_mul(outputs), ..ids };
        s.push_one(Op::ExpertMatMul(ExpertMatMul { weight, bias, experts, used }), vec![x, choice.ids], info)
    }

    /// The weighted sum of the experts' outputs: `[rows, used * width] -> [rows, width]`.
    pub fn weighted_sum(&self, x: Value, choice: Choice) -> Value {
        let mut s = self.state.borrow_mut();
        let (info, weights) = (s.values[x.0 as usize], s.values[choice.weights.0 as usize]);
        if info.rows != weights.rows || weights.width == 0 || !info.width.is_multiple_of(weights.width) {
            s.expect_equal("weighted_sum", info, weights);
        }
        let width = info.width.checked_div(weights.width).unwrap_or(0);
        s.push_one(Op::WeightedSum, vec![x, choice.weights], ValueInfo { width, ..info })
    }
}
