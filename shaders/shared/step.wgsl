// What changes from step to step; everything else is fixed when the program is compiled. It lies just before the step's
// tokens, which begin at byte 256, so that one short write sets all.
struct Step {
    @size(240) before: u32,
    position: u32, // of the first token
    tokens: u32,   // rows of activations of kind `Tokens`
    logits: u32,   // rows of activations of kind `Logits`
    half: u32,     // of each recurrent state: the one that holds before the step
}
