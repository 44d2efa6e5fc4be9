#requires sample/candidates, THREADS, RECENT, WIDTH, logits, history, counts, sampling
// Penalties on the logits of earlier tokens, and suppressed tokens, for sample.wgsl. If several invocations have tokens
// of the same quad, one of them does the work of all.

const TAKEN: u32 = 0x80000000u; // marks a quad, in the count of its first token

// The repetition penalty: divides (or multiplies) the logits of the last tokens before `end`.
fn penalize_recent(row: u32, end: u32, local: u32) {
    let first = end - min(end, RECENT);
    if (local >= end - first) {
        return;
    }
    let token = history[first + local];
    var owner = token < WIDTH;
    for (var at = first; at < first + local; at++) {
        owner = owner && history[at] / 4u != token / 4u;
    }
    if (owner) {
        var said = vec4<bool>(false);
        for (var at = first + local; at < end; at++) {
            if (history[at] / 4u == token / 4u) {
                said = said | (LANES == vec4<u32>(history[at] % 4u));
            }
        }
        let values = logits[row + token / 4u];
        let lower = select(values * sampling.repetition, values / sampling.repetition, values > vec4<f32>(0.0));
        logits[row + token / 4u] = select(values, lower, said);
    }
}

// The frequency and presence penalties: lowers the logits of the generated tokens before `end` by their counts.
fn penalize_generated(row: u32, end: u32, local: u32) {
    for (var at = sampling.generated + local; at < end; at += THREADS) {
        atomicAdd(&counts[min(history[at], WIDTH - 1u)], 1u);
    }
    storageBarrier();
    for (var at = sampling.generated + local; at < end; at += THREADS) {
        let own = min(history[at], WIDTH - 1u) / 4u;
        if ((atomicOr(&counts[own * 4u], TAKEN) & TAKEN) == 0u) {
            var values = logits[row + own];
            for (var lane = 0u; lane < 4u; lane++) {
                let count = atomicLoad(&counts[own * 4u + lane]) & ~TAKEN;
                if (count > 0u) {
                    values[lane] -= sampling.presence + sampling.frequency * f32(count);
                }
            }
            logits[row + own] = values;
        }
    }
    storageBarrier();
    for (var at = sampling.generated + local; at < end; at += THREADS) {
        let token = min(history[at], WIDTH - 1u);
        atomicStore(&counts[token], 0u);
        atomicStore(&counts[token / 4u * 4u], 0u);
    }
}

fn penalize(row: u32, end: u32, local: u32) {
    if (sampling.repetition != 1.0) {
        penalize_recent(row, end, local);
        storageBarrier();
    }
    if (sampling.presence != 0.0 || sampling.frequency != 0.0) {
        penalize_generated(row, end, local);
        storageBarrier();
    }
}

// Makes the suppressed tokens worse than any other. One invocation writes, because several may share a quad.
fn suppress(row: u32, local: u32) {
    if (local == 0u) {
        for (var i = 0u; i < sampling.suppressions; i++) {
            let token = sampling.suppress[i / 4u][i % 4u];
            if (token < WIDTH) {
                let at = row + token / 4u;
                logits[at] = select(logits[at], vec4<f32>(BEYOND), LANES == vec4<u32>(token % 4u));
            }
        }
    }
    if (sampling.suppressions > 0u) {
        storageBarrier();
    }
}
