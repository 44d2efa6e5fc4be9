/// Oracle of `store_kv`, for keys or for values: writes the rows of `x` (`[tokens, width]`) to rows `position..` of
/// `cache` (`[context, width]`). The cache keeps f32 here; what a backend's narrower cache loses belongs to the limit
/// that it is compared with.
pub fn store_kv(cache: &mut [f32], x: &[f32], width: usize, position: usize) {
    for (i, &value) in x.iter().enumerate() {
        cache[position * width + i] = value;
    }
}
