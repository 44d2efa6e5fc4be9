// The gated delta rule. A workgroup computes one value head of all tokens of the step; an invocation updates rows of
// the head's matrix, one per value index. The state is stored twice: before and after the step.
#include step

override KEY_HEADS: u32;
override VALUE_HEADS: u32;
override HEAD_DIM: u32;
override EPS: f32;
override STRIDE: u32;      // of a row of qkv
override GATE_STRIDE: u32; // of a row of beta and alpha
override Y_STRIDE: u32;    // of a row of y

const THREADS: u32 = 128u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> qkv: array<f32>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;        // [tokens, VALUE_HEADS]
@group(0) @binding(3) var<storage, read> alpha: array<f32>;
@group(0) @binding(4) var<storage, read> a: array<f32>;           // [VALUE_HEADS]
@group(0) @binding(5) var<storage, read> dt_bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> state: array<f32>; // [2, VALUE_HEADS, key index, value index]
@group(0) @binding(7) var<storage, read_write> y: array<f32>;     // [tokens, VALUE_HEADS, HEAD_DIM]

var<workgroup> query: array<f32, HEAD_DIM>;
var<workgroup> key: array<f32, HEAD_DIM>;
var<workgroup> partial: array<vec2<f32>, THREADS>;

// ln(1 + e^x) without overflow.
fn softplus(x: f32) -> f32 {
    return select(log(1.0 + exp(min(x, 20.0))), x, x > 20.0);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    // After the end of an answer the state does not change.
    if (step.ended != 0u) {
        return;
    }
    let head = group.x;
    let size = HEAD_DIM * HEAD_DIM;
    let before = (step.half * VALUE_HEADS + head) * size;
    let now = ((1u - step.half) * VALUE_HEADS + head) * size;
    for (var t = 0u; t < step.tokens; t++) {
        // The query and key, divided by their lengths.
        let row = t * STRIDE;
        let q = row + (head % KEY_HEADS) * HEAD_DIM;
        let k = q + KEY_HEADS * HEAD_DIM;
        var squares = vec2<f32>(0.0);
        for (var i = local; i < HEAD_DIM; i += THREADS) {
            squares += vec2<f32>(qkv[q + i] * qkv[q + i], qkv[k + i] * qkv[k + i]);
        }
        workgroupBarrier();
        partial[local] = squares;
        for (var half = THREADS / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if (local < half) {
                partial[local] += partial[local + half];
            }
        }
        workgroupBarrier();
        let lengths = max(sqrt(partial[0]), vec2<f32>(EPS));
        for (var i = local; i < HEAD_DIM; i += THREADS) {
            query[i] = qkv[q + i] / lengths.x;
            key[i] = qkv[k + i] / lengths.y;
        }
        workgroupBarrier();

        let gate = t * GATE_STRIDE + head;
        let decay = exp(a[head] * softplus(alpha[gate] + dt_bias[head]));
        let rate = 1.0 / (1.0 + exp(-beta[gate]));
        let fresh = t == 0u && step.position == 0u;
        let source = select(now, before, t == 0u);
        for (var i = local; i < HEAD_DIM; i += THREADS) {
            var recalled = 0.0;
            if (!fresh) {
                for (var j = 0u; j < HEAD_DIM; j++) {
                    recalled += state[source + j * HEAD_DIM + i] * key[j];
                }
            }
            let value = qkv[row + (2u * KEY_HEADS + head) * HEAD_DIM + i];
            let change = rate * (value - decay * recalled);
            var sum = 0.0;
            for (var j = 0u; j < HEAD_DIM; j++) {
                var element = change * key[j];
                if (!fresh) {
                    element += decay * state[source + j * HEAD_DIM + i];
                }
                state[now + j * HEAD_DIM + i] = element;
                sum += element * query[j];
            }
            y[t * Y_STRIDE + head * HEAD_DIM + i] = sum * inverseSqrt(f32(HEAD_DIM));
        }
    }
}
