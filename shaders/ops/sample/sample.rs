/// Oracle of `sample` at temperature 0: the index of the greatest logit, the lowest among equals. (Other temperatures
/// are compared with the engine's sampler.)
pub fn argmax(logits: &[f32]) -> u32 {
    let mut best = 0;
    for i in 0..logits.len() {
        if logits[i] > logits[best] {
            best = i;
        }
    }
    best as u32
}
