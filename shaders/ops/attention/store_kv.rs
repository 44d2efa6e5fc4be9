/// Oracle of `store_kv`, for keys or for values: writes the rows of `x` (`[tokens, width]`) to rows `position..` of
/// `cache` (`[context, width]`). The cache is f32 here; the rounding of a backend's cache belongs to the
/// tolerance of the comparison.
pub fn store_kv(cache: &mut [f32], x: &[f32], width: usize, position: usize) {
    for (i, &value) in x.iter().enumerate() {
        cache[position * width + i] = value;
    }
}

/// Rounds rows of heads as GGUF's Q8_0 does: up to 32 neighbours of a head share the f16 scale `max |x| / 127` and are
/// rounded to multiples of it.
pub fn through_q8_0(x: &[f32], head_dim: usize) -> Vec<f32> {
    let mut kept = Vec::new();
    for head in x.chunks(head_dim) {
        for block in head.chunks(32) {
            let scale = block.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs())) / 127.0;
            let stored = half::f16::from_f32(scale).to_f32();
            for value in block {
                let code = if scale > 0.0 { (value / scale).round() } else { 0.0 };
                kept.push(code * stored);
            }
        }
    }
    kept
}
