// For the expensive kernels: after a token that ends the answer, the rest of a submit is skipped.
#include step

@group(0) @binding(LAST) var<uniform> step: Step; // the last binding

fn ended() -> bool {
    return step.ended != 0u;
}
