#requires COLS, LANES4
#if fused_add_norm
#requires THREADS
#end
// The one row that a product reads: x, or with `fused_add_norm` factor * (residual + norm(x)).
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;    // [COLS]
// [COLS], padded with zeros; then the gain of the fused norm, and the factor
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<u32>;    // [OUTPUTS, COLS]
#if fused_add_norm
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;  // [COLS]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> sum: array<vec4<f32>>; // [COLS]: the row
#if gated
@group(0) @binding(6) var<storage, read> up: array<u32>;         // [OUTPUTS, COLS]
#end
#else
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
#if gated
@group(0) @binding(5) var<storage, read> up: array<u32>;
@group(0) @binding(6) var<storage, read> up_bias: array<f32>;
#else
@group(0) @binding(5) var<storage, read> residual: array<f32>;
#end
#end

#if fused_add_norm
override ADD_NORM_EPS: f32;
override QUADS: u32 = (COLS + 3u) / 4u;

var<private> add_norm_scale: f32; // scale of the fused norm, without its gain

// The part of lane `lane` of `lanes` in Σ x².
fn add_norm_squares(lane: u32, lanes: u32) -> f32 {
    var sum = 0.0;
    for (var quad = lane; quad < QUADS; quad += lanes) {
        let v = within(x[quad], quad * 4u);
        sum += dot(v, v);
    }
    return sum;
}

fn set_add_norm_scale(squares: f32) {
    add_norm_scale = inverseSqrt(squares / f32(COLS) + ADD_NORM_EPS);
}

// Stores the row for later products; `local` is one of THREADS.
fn store_row(local: u32) {
    for (var quad = local; quad < QUADS; quad += THREADS) {
        sum[quad] = row_quad(quad * 4u);
    }
}
#end

// Replaces values beyond the end of the row by zeros.
fn within(v: vec4<f32>, column: u32) -> vec4<f32> {
    if (column + 4u <= COLS) {
        return v;
    }
    return select(vec4<f32>(0.0), v, (vec4<u32>(column) + LANES4) < vec4<u32>(COLS));
}

// The four values of the row from `column` on.
fn row_quad(column: u32) -> vec4<f32> {
    if (column >= COLS) {
        return vec4<f32>(0.0);
    }
    let quad = column / 4u;
#if fused_add_norm
    let value = residual[quad] + x[quad] * gain[QUADS + quad] * add_norm_scale;
    return within(value * gain[2u * QUADS].x, column);
#else
    return within(x[quad], column);
#end
}

// The gain of the norm that the product applies.
fn gain_at(column: u32) -> vec4<f32> {
    return gain[min(column, COLS - 1u) / 4u];
}
