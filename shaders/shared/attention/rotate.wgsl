#requires HEAD_DIM, qkv, table, gains
// Normalizes heads of the projections and rotates those of queries and keys, a quad at a time. The table is that of
// rope.wgsl.
override EPS: f32 = 0.0;
override QUERY_NORM: bool;       // whether to normalize the heads of queries
override KEY_NORM: bool;         // of keys
override VALUE_NORM: bool;       // of values
override PAIRS: u32;             // rotated pairs of a head; 0: none
override HALVES: bool;           // a pair is (i, i + PAIRS), where PAIRS is a multiple of 4, else (2i, 2i + 1)

// Cosine and sine of the angle of a pair at a position.
fn rotation(position: u32, pair: u32) -> vec2<f32> {
    let low = table[(position & 255u) * PAIRS + pair];
    let high = table[(256u + (position >> 8u)) * PAIRS + pair];
    return vec2<f32>(low.x * high.x - low.y * high.y, low.x * high.y + low.y * high.x);
}

// A quad of the head that begins at quad `head` of the row of queries, keys and values, times `scale` and the gains of
// the norm, which begin at quad `gain`: 0 for queries, QUADS for keys, 2 * QUADS for values.
fn normed(head: u32, quad: u32, gain: u32, scale: f32, norm: bool) -> vec4<f32> {
    let value = qkv[head + quad];
    if (norm) {
        return value * scale * gains[gain + quad];
    }
    return value;
}

// The same, rotated.
fn rotated(head: u32, quad: u32, gain: u32, scale: f32, norm: bool, position: u32) -> vec4<f32> {
    let own = normed(head, quad, gain, scale, norm);
    if (PAIRS == 0u) {
        return own;
    }
    if (HALVES) {
        let half = PAIRS / 4u;
        if (quad >= 2u * half) {
            return own;
        }
        let first = quad < half;
        let pair = 4u * select(quad - half, quad, first);
        let other = normed(head, select(quad - half, quad + half, first), gain, scale, norm);
        let a = rotation(position, pair);
        let b = rotation(position, pair + 1u);
        let c = rotation(position, pair + 2u);
        let d = rotation(position, pair + 3u);
        let sines = vec4<f32>(a.y, b.y, c.y, d.y);
        return own * vec4<f32>(a.x, b.x, c.x, d.x) + other * select(sines, -sines, first);
    }
    var result = own;
    if (2u * quad < PAIRS) {
        let t = rotation(position, 2u * quad);
        result = vec4<f32>(own.x * t.x - own.y * t.y, own.x * t.y + own.y * t.x, own.zw);
    }
    if (2u * quad + 1u < PAIRS) {
        let t = rotation(position, 2u * quad + 1u);
        result = vec4<f32>(result.xy, own.z * t.x - own.w * t.y, own.z * t.y + own.w * t.x);
    }
    return result;
}

// The factor of the norm for a head with this sum of squares.
fn norm_scale(squares: f32) -> f32 {
    return inverseSqrt(squares / f32(HEAD_DIM) + EPS);
}
