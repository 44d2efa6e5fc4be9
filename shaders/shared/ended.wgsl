// For what costs most of a step: behind a token that ends the answer, the rest of a submit has nothing to do.
#include step

@group(0) @binding(LAST) var<uniform> step: Step; // behind all others

fn ended() -> bool {
    return step.ended != 0u;
}
