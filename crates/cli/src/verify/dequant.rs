//! Block formats: compares the decoded values bit for bit.

use std::path::Path;

use linnet_quant::{DType, dequantize};

use super::golden::{Golden, GoldenError};
use super::report::{Outcome, Subject};

/// Decodes the `bytes` of a golden file and compares them with its `values`. The file is named after the
/// type.
pub fn run(path: &Path) -> Outcome {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let subject = Subject::new("dequant", name.as_ref());
    let Some(dtype) = DType::ALL.into_iter().find(|d| d.name().eq_ignore_ascii_case(&name)) else {
        return subject.skipped("values", format!("unsupported-quantization: there is no type {name}"));
    };
    let read = || -> Result<_, GoldenError> {
        let golden = Golden::open(path)?;
        Ok((golden.bytes("bytes")?.values, golden.f32("values")?.values))
    };
    match read() {
        Ok((bytes, values)) => compare(&subject, dtype, &bytes, &values),
        Err(error) => subject.failed("values", error),
    }
}

fn compare(subject: &Subject, dtype: DType, bytes: &[u8], values: &[f32]) -> Outcome {
    let mut ours = vec![0.0; values.len()];
    if let Err(error) = dequantize(dtype, bytes, &mut ours) {
        return subject.failed("values", error);
    }
    let unequal = |(a, b): &(&f32, &f32)| a.to_bits() != b.to_bits();
    let different = ours.iter().zip(values).filter(unequal).count();
    let detail = match ours.iter().zip(values).position(|pair| unequal(&pair)) {
        Some(at) => {
            format!("of {}; first at {at}: expected {:e}, got {:e}", values.len(), values[at], ours[at])
        }
        None => format!("of {}", values.len()),
    };
    subject.counted("values", "values that differ", different).with(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_enough_to_fail() {
        let subject = Subject::new("dequant", "F32");
        let values = [1.5f32, -0.0, 3.0];
        let mut bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(compare(&subject, DType::F32, &bytes, &values).ok);
        assert!(!compare(&subject, DType::F32, &bytes[1..], &values).ok);
        bytes[7] ^= 0x80;
        let sabotaged = compare(&subject, DType::F32, &bytes, &values);
        assert!(!sabotaged.ok && sabotaged.figure == Some(1.0), "+0 is not -0: {sabotaged}");
    }
}
