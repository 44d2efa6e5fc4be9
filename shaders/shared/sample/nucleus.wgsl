#requires sample/candidates, THREADS, WIDTH, logits, bound
// Finds the worst token of the nucleus (top-p), or of a number of best tokens (top-k), if these are too many to sort.
// For sample.wgsl.
//
// Logits are ordered by keys, which are integers. A pass over the logits sums the weights of 256 ranges of keys; the
// next pass divides the range in which the sum is reached, until that is a single key. The weights are integers, too,
// so that the sums do not depend on the order.

struct Range {
    low: u32,
    high: u32,    // its last key
    missing: u32, // weight that is missing from the ranges above
    held: u32,    // weight in it; 0: there is less weight than wanted
}

const WHOLE: f32 = 2147483648.0; // the weight of all tokens

var<workgroup> bins: array<atomic<u32>, THREADS>;
var<workgroup> range: Range;

fn key_of(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    return bits ^ select(0x80000000u, 0xffffffffu, bits >= 0x80000000u);
}

fn value_of(key: u32) -> f32 {
    return bitcast<f32>(key ^ select(0xffffffffu, 0x80000000u, key >= 0x80000000u));
}

// A token's share of the probability, or 1 if `scale` is 0.
fn weight_of(value: f32, best: f32, scale: f32) -> u32 {
    return select(u32(exp(value - best) * scale), 1u, scale == 0.0);
}

// Raises `bound`, which keeps some tokens, to the worst of the fewest best tokens with `share` of their weight; if
// `scale` is 0, `share` is a number of tokens.
fn lower_bound(row: u32, best: f32, share: f32, scale: f32, local: u32) {
    let limit = workgroupUniformLoad(&bound);
    // Tokens further below have no weight.
    let least = select(best - 22.0, NOTHING.value, scale == 0.0);
    var own = Range(key_of(max(limit.value, least)), key_of(best), 0u, 0u);
    loop {
        let shift = 24u - min(countLeadingZeros(own.high - own.low), 24u);
        atomicStore(&bins[local], 0u);
        if (local == 0u) {
            range.held = 0u;
        }
        workgroupBarrier();
        for (var at = local; at < QUADS; at += STRIDE_OF_READS) {
            var read = quads(row, at);
            for (var i = 0u; i < READS * 4u; i++) {
                let token = token_at(read[i / 4u], at, i / 4u, i % 4u);
                let key = key_of(token.value);
                if (key >= own.low && key <= own.high && kept(token, limit)) {
                    atomicAdd(&bins[(key - own.low) >> shift], weight_of(token.value, best, scale));
                }
            }
        }
        workgroupBarrier();
        let held = atomicLoad(&bins[local]);
        var above = 0u;
        var sum = 0u;
        for (var i = 0u; i < THREADS; i++) {
            let weight = atomicLoad(&bins[i]);
            sum += weight;
            above += select(0u, weight, i > local);
        }
        let wanted = select(max(u32(ceil(share * f32(sum))), 1u), u32(share), scale == 0.0);
        let missing = select(own.missing, wanted, own.missing == 0u);
        if (above < missing && missing - above <= held) {
            let low = own.low + (local << shift);
            range = Range(low, low + min(own.high - low, (1u << shift) - 1u), missing - above, held);
        }
        own = workgroupUniformLoad(&range);
        if (own.held == 0u) {
            return;
        }
        if (shift == 0u) {
            break;
        }
    }
    let value = value_of(own.low);
    let each = max(weight_of(value, best, scale), 1u);
    let equal = (own.missing + each - 1u) / each;
    if (local == 0u) {
        bound = Candidate(value, select(NOTHING.id, limit.id, value == limit.value));
    }
    if (equal * each < own.held) {
        bound_among_equal(row, value, equal, local);
    }
    workgroupBarrier();
}

// Keeps `count` of the tokens with this logit.
fn bound_among_equal(row: u32, value: f32, count: u32, local: u32) {
    let part = (WIDTH + THREADS - 1u) / THREADS;
    let end = min((local + 1u) * part, WIDTH);
    var own = 0u;
    for (var id = local * part; id < end; id++) {
        own += select(0u, 1u, logits[row + id / 4u][id % 4u] == value);
    }
    workgroupBarrier();
    atomicStore(&bins[local], own);
    workgroupBarrier();
    var seen = 0u;
    for (var i = 0u; i < local; i++) {
        seen += atomicLoad(&bins[i]);
    }
    if (seen < count && count - seen <= own) {
        for (var id = local * part; id < end; id++) {
            seen += select(0u, 1u, logits[row + id / 4u][id % 4u] == value);
            if (seen == count) {
                bound = Candidate(value, id);
                break;
            }
        }
    }
}
