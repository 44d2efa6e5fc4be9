// What attention makes of the products of queries and keys.
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32; // a multiple of 4, at most 512
override SCALE: f32;
override CAP: f32 = 0.0;         // scores become CAP * tanh(score / CAP); 0: they stay
override WINDOW: u32 = 0;        // positions that a query sees, its own included; 0: all
override SINKS: bool = false;    // each head has a further score, whose value is zero
override WARMTH: f32 = 0.0;      // scores grow by 1 + WARMTH * ln(1 + floor(position / PERIOD))
override PERIOD: u32 = 1;

override QUADS: u32 = HEAD_DIM / 4u;
const LOWEST: f32 = -3.0e38;     // less than any score

// What a query at `position` is multiplied with.
fn scale_at(position: u32) -> f32 {
    if (WARMTH == 0.0) {
        return SCALE;
    }
    return SCALE * (1.0 + WARMTH * log(1.0 + f32(position / PERIOD)));
}

fn capped(score: f32) -> f32 {
    if (CAP > 0.0) {
        // Some implementations divide exponentials for it, which must not overflow.
        return CAP * tanh(clamp(score / CAP, -15.0, 15.0));
    }
    return score;
}

// Whether a query at the position `own` sees a position.
fn seen(position: u32, own: u32) -> bool {
    return position <= own && (WINDOW == 0u || position + WINDOW > own);
}

// The first position that a query at the position `own` sees.
fn oldest_seen(own: u32) -> u32 {
    return select(0u, own + 1u - min(WINDOW, own + 1u), WINDOW > 0u);
}
