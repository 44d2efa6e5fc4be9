//! What every backend is judged by: small graphs with random weights, computed by a naive interpreter over the
//! oracles (`reference`) and by the backend (`judge`), and compared row by row.
//!
//! A backend's test is [`judge_all`] with a function that makes the backend; [`sabotage_all`] shows that each of
//! these comparisons can fail.

mod attention_cases;
mod case;
mod elementwise_cases;
mod judge;
mod mixture_cases;
mod model_cases;
mod op_cases;
mod random;
mod recurrent_cases;
mod reference;

pub use case::{Case, Steps};
pub use judge::{Failure, judge, judge_all, judge_every, logits, sabotage_all, sabotage_every};

/// The formats whose kernels are tested: those that the backends support now.
pub const DTYPES: [linnet_quant::DType; 11] = {
    use linnet_quant::DType;
    [
        DType::F32,
        DType::F16,
        DType::BF16,
        DType::Q4_0,
        DType::Q4_1,
        DType::Q5_0,
        DType::Q5_1,
        DType::Q8_0,
        DType::Q4_K,
        DType::Q5_K,
        DType::Q6_K,
    ]
};

/// Every case.
pub fn cases() -> Vec<Case> {
    let mut cases = op_cases::cases();
    cases.extend(attention_cases::cases());
    cases.extend(elementwise_cases::cases());
    cases.extend(mixture_cases::cases());
    cases.extend(recurrent_cases::cases());
    cases.extend(model_cases::cases());
    cases
}
