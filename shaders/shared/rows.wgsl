#requires step
// Whether the activations have a row for each of the step's logits, instead of its tokens.
override LOGITS: bool = false;

fn row_count() -> u32 {
    return select(step.tokens, step.logits, LOGITS);
}
