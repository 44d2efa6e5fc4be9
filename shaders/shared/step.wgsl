// The parameters that change from step to step; everything else is fixed when the program is compiled. The fields are
// at the end of the buffer, so one short write sets them all; within a submit, sample.wgsl updates them.
struct Step {
    @size(236) before: u32,
    ended: u32,    // 1 after a token that ends the answer: the rest of the submit is skipped
    position: u32, // of the first token
    tokens: u32,   // rows of activations of kind `Tokens`
    logits: u32,   // rows of activations of kind `Logits`
    half: u32,     // the half of each recurrent state that has the state before the step
}
