//! Scalar decoding: defines every format, with `f32` multiplications and additions in the order that gives
//! the same bits as ggml. The fast kernels are tested against it.

mod fp4;
mod iq;
mod k_quants;
mod legacy;
mod ternary;

use bytemuck::AnyBitPattern;

pub use fp4::{E2M1_DOUBLED, e8m0_half, ue4m3_half};
pub use iq::{IQ1_DELTA, IQ4_VALUES, iq1_m_scale, iq4_xs_scale};
pub use k_quants::{scale_min_k4, scales_k3};
pub use ternary::tq1_digit;

use crate::DType;

/// The lengths given to [`dequantize`] do not match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{values} values of {dtype} do not have {bytes} bytes")]
pub struct LengthError {
    /// The format.
    pub dtype: DType,
    /// Length of the bytes.
    pub bytes: usize,
    /// Number of values requested.
    pub values: usize,
}

/// Decodes `bytes`, a whole number of blocks in file order, into `out`.
///
/// The result is bit for bit that of ggml and gguf-py. `bytes` needs no alignment.
///
/// # Errors
///
/// [`LengthError`] if `bytes` is not exactly the blocks of `out.len()` values; `out` is unchanged then.
pub fn dequantize(dtype: DType, bytes: &[u8], out: &mut [f32]) -> Result<(), LengthError> {
    if dtype.row_bytes(out.len()) != Some(bytes.len()) {
        return Err(LengthError { dtype, bytes: bytes.len(), values: out.len() });
    }
    match dtype {
        DType::F32 => each(bytes, out, legacy::f32),
        DType::F16 => each(bytes, out, legacy::f16),
        DType::BF16 => each(bytes, out, legacy::bf16),
        DType::Q4_0 => each(bytes, out, legacy::q4_0),
        DType::Q4_1 => each(bytes, out, legacy::q4_1),
        DType::Q5_0 => each(bytes, out, legacy::q5_0),
        DType::Q5_1 => each(bytes, out, legacy::q5_1),
        DType::Q8_0 => each(bytes, out, legacy::q8_0),
        DType::Q1_0 => each(bytes, out, legacy::q1_0),
        DType::Q2_0 => each(bytes, out, legacy::q2_0),
        DType::Q2_K => each(bytes, out, k_quants::q2_k),
        DType::Q3_K => each(bytes, out, k_quants::q3_k),
        DType::Q4_K => each(bytes, out, k_quants::q4_k),
        DType::Q5_K => each(bytes, out, k_quants::q5_k),
        DType::Q6_K => each(bytes, out, k_quants::q6_k),
        DType::IQ2_XXS => each(bytes, out, iq::iq2_xxs),
        DType::IQ2_XS => each(bytes, out, iq::iq2_xs),
        DType::IQ2_S => each(bytes, out, iq::iq2_s),
        DType::IQ3_XXS => each(bytes, out, iq::iq3_xxs),
        DType::IQ3_S => each(bytes, out, iq::iq3_s),
        DType::IQ1_S => each(bytes, out, iq::iq1_s),
        DType::IQ1_M => each(bytes, out, iq::iq1_m),
        DType::IQ4_NL => each(bytes, out, iq::iq4_nl),
        DType::IQ4_XS => each(bytes, out, iq::iq4_xs),
        DType::TQ1_0 => each(bytes, out, ternary::tq1_0),
        DType::TQ2_0 => each(bytes, out, ternary::tq2_0),
        DType::MXFP4 => each(bytes, out, fp4::mxfp4),
        DType::NVFP4 => each(bytes, out, fp4::nvfp4),
    }
    Ok(())
}

/// Decodes blocks of `N` values.
fn each<B: AnyBitPattern, const N: usize>(bytes: &[u8], out: &mut [f32], decode: fn(&B, &mut [f32; N])) {
    let (values, _) = out.as_chunks_mut::<N>();
    for (block, values) in bytes.chunks_exact(size_of::<B>()).zip(values) {
        decode(&bytemuck::pod_read_unaligned(block), values);
    }
}
