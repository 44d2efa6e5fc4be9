/// Oracle of `rms_norm`: `y_i = x_i / sqrt(mean(x²) + eps) * weight_i` for each `width` neighbours of `x`; no weight:
/// 1.
///
/// Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, equation 4.
pub fn rms_norm(x: &[f32], weight: Option<&[f32]>, width: usize, eps: f32) -> Vec<f32> {
    let mut y = Vec::new();
    for row in x.chunks(width) {
        let mut square = 0.0;
        for &value in row {
            square += f64::from(value) * f64::from(value);
        }
        let root = (square / width as f64 + f64::from(eps)).sqrt();
        for i in 0..width {
            let weight = weight.map_or(1.0, |weight| f64::from(weight[i]));
            y.push((f64::from(row[i]) / root * weight) as f32);
        }
    }
    y
}
