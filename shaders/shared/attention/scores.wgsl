// The scores of attention.
override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32; // a multiple of 4, at most 512
override SCALE: f32;
override CAP: f32 = 0.0;         // scores become CAP * tanh(score / CAP); 0: no cap
override WINDOW: u32 = 0;        // positions that a query attends to, including its own; 0: all
override SINKS: bool = false;    // each head has a further score, whose value is zero
override WARMTH: f32 = 0.0;      // scores grow by 1 + WARMTH * ln(1 + floor(position / PERIOD))
override PERIOD: u32 = 1;

override QUADS: u32 = HEAD_DIM / 4u;
const LOWEST: f32 = -3.0e38;     // less than any score

// The factor of a query at `position`.
fn scale_at(position: u32) -> f32 {
    if (WARMTH == 0.0) {
        return SCALE;
    }
    return SCALE * (1.0 + WARMTH * log(1.0 + f32(position / PERIOD)));
}

fn capped(score: f32) -> f32 {
    if (CAP > 0.0) {
        // Clamped, because some implementations divide exponentials, which would overflow.
        return CAP * tanh(clamp(score / CAP, -15.0, 15.0));
    }
    return score;
}

// Whether a query at the position `own` attends to a position.
fn seen(position: u32, own: u32) -> bool {
    return position <= own && (WINDOW == 0u || position + WINDOW > own);
}

// The first position that a query at the position `own` attends to.
fn oldest_seen(own: u32) -> u32 {
    return select(0u, own + 1u - min(WINDOW, own + 1u), WINDOW > 0u);
}
