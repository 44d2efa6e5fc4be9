// What changes from step to step; everything else is fixed when the program is compiled. It ends where the buffer ends,
// so that one short write sets all; within a submit, sample.wgsl goes on from there.
struct Step {
    @size(236) before: u32,
    ended: u32,    // 1 behind a token that ends the answer: what is left of the submit is of no use
    position: u32, // of the first token
    tokens: u32,   // rows of activations of kind `Tokens`
    logits: u32,   // rows of activations of kind `Logits`
    half: u32,     // of each recurrent state: the one that holds before the step
}
