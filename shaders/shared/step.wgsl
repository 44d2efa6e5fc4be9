// What changes from step to step; everything else is fixed when the program is compiled.
struct Step {
    position: u32, // of the first token
    tokens: u32,   // rows of activations of kind `Tokens`
    logits: u32,   // rows of activations of kind `Logits`
    half: u32,     // of each recurrent state: the one that holds before the step
}
