//! Test cases for every backend: small graphs with random weights, computed by a naive interpreter over the
//! oracles (`reference`) and by the backend (`judge`), and compared row by row.
//!
//! To test a backend, call [`judge_all`] with a function that makes it; [`sabotage_all`] shows that each
//! comparison can fail.

mod attention_cases;
mod case;
mod elementwise_cases;
mod judge;
mod mixture_cases;
mod model_cases;
mod norm_cases;
mod op_cases;
mod random;
mod recurrent_cases;
mod reference;
mod self_attention_cases;

use linnet_quant::DType;

pub use case::{Case, Steps};
pub use judge::{
    Failure, judge, judge_all, judge_every, judge_rounded, judge_where, logits, sabotage_all, sabotage_every,
};

/// The formats that most files use, tested with every shape.
pub const COMMON: [DType; 13] = [
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
    DType::IQ4_NL,
    DType::MXFP4,
];

/// The other formats: only the block decoding differs, so a few shapes suffice.
pub const RARE: [DType; 15] = [
    DType::Q2_K,
    DType::Q3_K,
    DType::IQ4_XS,
    DType::NVFP4,
    DType::TQ1_0,
    DType::TQ2_0,
    DType::Q1_0,
    DType::Q2_0,
    DType::IQ1_S,
    DType::IQ1_M,
    DType::IQ2_XXS,
    DType::IQ2_XS,
    DType::IQ2_S,
    DType::IQ3_XXS,
    DType::IQ3_S,
];

/// Every case.
pub fn cases() -> Vec<Case> {
    let mut cases = op_cases::cases();
    cases.extend(attention_cases::cases());
    cases.extend(self_attention_cases::cases());
    cases.extend(elementwise_cases::cases());
    cases.extend(mixture_cases::cases());
    cases.extend(norm_cases::cases());
    cases.extend(recurrent_cases::cases());
    cases.extend(model_cases::cases());
    cases
}
