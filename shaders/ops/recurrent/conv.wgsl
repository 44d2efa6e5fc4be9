// Causal convolution of each channel over the last TAPS tokens, then silu if SILU. An invocation computes one channel
// of all tokens of the step. The state, the inputs of the TAPS - 1 tokens before the step, is stored twice: before and
// after the step.
//
// If `gated`, the input is the product of two parts of a row of x, and the result is multiplied with a third part.
#include step

override CHANNELS: u32;
override STRIDE: u32;  // of a row of y, and of x if it is not gated
override TAPS: u32;    // at least 2
override SILU: bool;
#if gated
override ROW: u32;     // of x in memory
override BEFORE: u32;  // first elements of the parts of a row
override X: u32;
override AFTER: u32;
#end

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<f32>;            // [tokens, CHANNELS]
@group(0) @binding(2) var<storage, read> kernel: array<f32>;       // [CHANNELS, TAPS]
@group(0) @binding(3) var<storage, read_write> state: array<f32>;  // [2, TAPS - 1, CHANNELS], the oldest first
@group(0) @binding(4) var<storage, read_write> y: array<f32>;      // [tokens, CHANNELS]

// The input `at` tokens after the first of the state.
fn input(at: u32, channel: u32) -> f32 {
    if (at >= TAPS - 1u) {
#if gated
        let row = (at - (TAPS - 1u)) * ROW + channel;
        return x[row + BEFORE] * x[row + X];
#else
        return x[(at - (TAPS - 1u)) * STRIDE + channel];
#end
    }
    if (step.position == 0u) {
        return 0.0;
    }
    return state[(step.half * (TAPS - 1u) + at) * CHANNELS + channel];
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let channel = group.x * THREADS + local;
    // After the end of an answer the state does not change.
    if (channel >= CHANNELS || step.ended != 0u) {
        return;
    }
    for (var t = 0u; t < step.tokens; t++) {
        var sum = 0.0;
        for (var j = 0u; j < TAPS; j++) {
            sum += kernel[channel * TAPS + j] * input(t + j, channel);
        }
        if (SILU) {
            sum = sum / (1.0 + exp(-sum));
        }
#if gated
        sum *= x[t * ROW + AFTER + channel];
#end
        y[t * STRIDE + channel] = sum;
    }
    for (var j = 0u; j < TAPS - 1u; j++) {
        state[((1u - step.half) * (TAPS - 1u) + j) * CHANNELS + channel] = input(step.tokens + j, channel);
    }
}
