//! Any bytes decode as blocks of any format, or fail with a length error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use linnet_quant::{DType, dequantize};

fuzz_target!(|data: &[u8]| {
    let Some((&id, bytes)) = data.split_first() else { return };
    let Some(dtype) = DType::from_ggml(u32::from(id % 64)) else { return };
    let blocks = bytes.len() / dtype.block_bytes();
    let mut values = vec![0.0; blocks * dtype.block_values()];
    let whole = &bytes[..blocks * dtype.block_bytes()];
    dequantize(dtype, whole, &mut values).expect("whole blocks");
    if whole.len() != bytes.len() {
        assert!(dequantize(dtype, bytes, &mut values).is_err());
    }
    values.push(0.0);
    assert!(dequantize(dtype, whole, &mut values).is_err());
});
