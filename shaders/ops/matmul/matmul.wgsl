// y = x · Wᵀ (+ bias) (+ residual), or activation(gate) * up of two matrices, for many rows x: prefill.
//
// A workgroup computes a tile of 32 tokens by 64 rows of W (gated: 32 of gate and the same 32 of up), an invocation 4
// by 8 of them. For each chunk of 32 inputs it loads both tiles into workgroup memory and decodes W. With `integers` x
// is staged, and W is multiplied as integers.
#include step
#include rows
#include decode/quads
#if gated
#include gated
override UP_FIRST: u32 = 0u;   // first row of `up`, which may be a part of `weights`
#end

override COLS: u32;          // inputs
override OUTPUTS: u32;       // rows of this part of the matrix
override FIRST: u32 = 0;     // index of the first of them in the whole matrix
override STRIDE: u32;        // of a row of y and residual
override BIAS: bool;
override RESIDUAL: bool = false;
override FACTOR: f32 = 1.0;      // of the products, if a residual is added

const PITCH: u32 = 9u;       // quads between rows of a tile: 8, and one so that neighbours are in different banks

@group(0) @binding(0) var<uniform> step: Step;
#if integers
#include matmul/integers
@group(0) @binding(1) var<storage, read> x: array<Input>;      // [rows, COLS], staged
#else
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;  // [rows, COLS]
#end
@group(0) @binding(2) var<storage, read> weights: array<u32>;  // [OUTPUTS, COLS]
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
#if gated
@group(0) @binding(5) var<storage, read> up: array<u32>;       // [OUTPUTS, COLS]
@group(0) @binding(6) var<storage, read> up_bias: array<f32>;
#if integers
@group(0) @binding(7) var<storage, read> blocks: array<vec4<f32>>; // [rows, COLS / 32], see stage_rows.wgsl
#end
#else
@group(0) @binding(5) var<storage, read> residual: array<f32>;
#if integers
@group(0) @binding(6) var<storage, read> blocks: array<vec4<f32>>;
#end
#end
#include format
#if gated
#include format as up
#end

#if integers
#if dp4a
alias Tile = u32;
alias Partials = vec4<i32>;

fn unpacked(codes: u32) -> Tile {
    return codes;
}

fn products(w: Tile, x0: Input, x1: Input, x2: Input, x3: Input) -> Partials {
    return vec4<i32>(dot4I8Packed(w, x0), dot4I8Packed(w, x1), dot4I8Packed(w, x2), dot4I8Packed(w, x3));
}
#else
alias Tile = vec4<f16>;
alias Partials = vec4<f32>;

fn unpacked(codes: u32) -> Tile {
    return vec4<f16>(unpack4xI8(codes));
}

fn products(w: Tile, x0: Input, x1: Input, x2: Input, x3: Input) -> Partials {
    return vec4<f32>(vec4<f16>(dot(w, x0), dot(w, x1), dot(w, x2), dot(w, x3)));
}
#end

var<workgroup> x_tile: array<Input, TOKENS * PITCH>;
var<workgroup> w_tile: array<Tile, 64u * PITCH>;
var<workgroup> x_blocks: array<vec4<f32>, TOKENS>;
var<workgroup> w_affine: array<vec4<f32>, 64>;

// Reads one row of the tile.
fn load_w(local: u32, first_row: u32, chunk: u32) {
    let row = min(first_row + local % ROWS, OUTPUTS - 1u);
    let at = local * PITCH;
#if gated
    if (local >= ROWS) {
        let c = up_chunk(UP_FIRST + row, chunk);
        w_affine[local] = centred_affine(up_affine(c), up_CENTRE);
        for (var p = 0u; p < 4u; p++) {
            let codes = up_codes(c, p);
            w_tile[at + p] = unpacked(centred(codes.x, up_CENTRE));
            w_tile[at + p + 4u] = unpacked(centred(codes.y, up_CENTRE));
        }
        return;
    }
#end
    let c = weights_chunk(row, chunk);
    w_affine[local] = centred_affine(weights_affine(c), weights_CENTRE);
    for (var p = 0u; p < 4u; p++) {
        let codes = weights_codes(c, p);
        w_tile[at + p] = unpacked(centred(codes.x, weights_CENTRE));
        w_tile[at + p + 4u] = unpacked(centred(codes.y, weights_CENTRE));
    }
}

// Scales the products of half `half` of a chunk of row `row` of the tile, with the tokens' scales and the sums of that
// half.
fn scaled(half: u32, row: u32, products: Partials, scales: vec4<f32>, sums: vec4<f32>) -> vec4<f32> {
    let affine = w_affine[row];
    return affine[half] * scales * vec4<f32>(products) + affine[2u + half] * sums;
}
#else
var<workgroup> x_tile: array<vec4<f32>, TOKENS * PITCH>;
var<workgroup> w_tile: array<vec4<f32>, 64u * PITCH>;

fn load_x(token: u32, column: u32) -> vec4<f32> {
    if (column >= COLS) {
        return vec4<f32>(0.0);
    }
    let v = x[token * ((COLS + 3u) / 4u) + column / 4u];
    if (column + 4u <= COLS) {
        return v;
    }
    return select(vec4<f32>(0.0), v, (vec4<u32>(column) + LANES4) < vec4<u32>(COLS));
}

// Decodes one row of the tile.
fn load_w(local: u32, first_row: u32, chunk: u32) {
    let row = min(first_row + local % ROWS, OUTPUTS - 1u);
    let at = local * PITCH;
#if gated
    if (local >= ROWS) {
        let c = up_chunk(UP_FIRST + row, chunk);
        for (var p = 0u; p < 4u; p++) {
            let pair = up_pair(c, p);
            w_tile[at + p] = pair[0];
            w_tile[at + p + 4u] = pair[1];
        }
        return;
    }
#end
    let c = weights_chunk(row, chunk);
    for (var p = 0u; p < 4u; p++) {
        let pair = weights_pair(c, p);
        w_tile[at + p] = pair[0];
        w_tile[at + p + 4u] = pair[1];
    }
}

// Products of one weight quad with those of the invocation's four tokens.
fn products(w: vec4<f32>, x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(w, x0), dot(w, x1), dot(w, x2), dot(w, x3));
}
#end

// Stores one output of the invocation's four tokens, which are 8 apart.
fn store(row: u32, token: u32, product: vec4<f32>, up_product: vec4<f32>) {
    if (row >= OUTPUTS) {
        return;
    }
    let column = FIRST + row;
    var value = product;
    if (BIAS) {
        value += bias[column];
    }
#if gated
    var factor = up_product;
    if (BIAS) {
        factor += up_bias[column];
    }
    value = vec4<f32>(
        gated(value.x, factor.x),
        gated(value.y, factor.y),
        gated(value.z, factor.z),
        gated(value.w, factor.w),
    );
#end
    for (var j = 0u; j < 4u; j++) {
        if (token + 8u * j < row_count()) {
            let at = (token + 8u * j) * STRIDE + column;
#if gated
            y[at] = value[j];
#else
            if (RESIDUAL) {
                y[at] = FACTOR * value[j] + residual[at];
            } else {
                y[at] = value[j];
            }
#end
        }
    }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let first_row = group.x * ROWS;
    let first_token = group.y * TOKENS;
    let last_token = row_count() - 1u;
    let tx = local % 8u;
    let ty = local / 8u;

    var a0 = vec4<f32>();
    var a1 = vec4<f32>();
    var a2 = vec4<f32>();
    var a3 = vec4<f32>();
    var a4 = vec4<f32>();
    var a5 = vec4<f32>();
    var a6 = vec4<f32>();
    var a7 = vec4<f32>();
#if integers
    let chunks = COLS / 32u;
    for (var chunk = 0u; chunk < chunks; chunk++) {
        for (var i = 0u; i < 4u; i++) {
            let token = min(first_token + ty + 8u * i, last_token);
            x_tile[(ty + 8u * i) * PITCH + tx] = x[(token * chunks + chunk) * 8u + tx];
        }
        if (local < TOKENS) {
            x_blocks[local] = blocks[min(first_token + local, last_token) * chunks + chunk];
        }
        load_w(local, first_row, chunk);
        workgroupBarrier();
        let b0 = x_blocks[tx];
        let b1 = x_blocks[tx + 8u];
        let b2 = x_blocks[tx + 16u];
        let b3 = x_blocks[tx + 24u];
        let scales = vec4<f32>(b0.x, b1.x, b2.x, b3.x);
        for (var half = 0u; half < 2u; half++) {
            var p0 = Partials();
            var p1 = Partials();
            var p2 = Partials();
            var p3 = Partials();
            var p4 = Partials();
            var p5 = Partials();
            var p6 = Partials();
            var p7 = Partials();
            for (var q = 4u * half; q < 4u * half + 4u; q++) {
                let xs = tx * PITCH + q;
                let x0 = x_tile[xs];
                let x1 = x_tile[xs + 8u * PITCH];
                let x2 = x_tile[xs + 16u * PITCH];
                let x3 = x_tile[xs + 24u * PITCH];
                let ws = ty * PITCH + q;
                p0 += products(w_tile[ws], x0, x1, x2, x3);
                p1 += products(w_tile[ws + 8u * PITCH], x0, x1, x2, x3);
                p2 += products(w_tile[ws + 16u * PITCH], x0, x1, x2, x3);
                p3 += products(w_tile[ws + 24u * PITCH], x0, x1, x2, x3);
                p4 += products(w_tile[ws + 32u * PITCH], x0, x1, x2, x3);
                p5 += products(w_tile[ws + 40u * PITCH], x0, x1, x2, x3);
                p6 += products(w_tile[ws + 48u * PITCH], x0, x1, x2, x3);
                p7 += products(w_tile[ws + 56u * PITCH], x0, x1, x2, x3);
            }
            let sums = select(vec4<f32>(b0.y, b1.y, b2.y, b3.y), vec4<f32>(b0.z, b1.z, b2.z, b3.z), half == 1u);
            a0 += scaled(half, ty, p0, scales, sums);
            a1 += scaled(half, ty + 8u, p1, scales, sums);
            a2 += scaled(half, ty + 16u, p2, scales, sums);
            a3 += scaled(half, ty + 24u, p3, scales, sums);
            a4 += scaled(half, ty + 32u, p4, scales, sums);
            a5 += scaled(half, ty + 40u, p5, scales, sums);
            a6 += scaled(half, ty + 48u, p6, scales, sums);
            a7 += scaled(half, ty + 56u, p7, scales, sums);
        }
        workgroupBarrier();
    }
#else
    for (var chunk = 0u; chunk < (COLS + 31u) / 32u; chunk++) {
        for (var i = 0u; i < 4u; i++) {
            let token = ty + 8u * i;
            x_tile[token * PITCH + tx] = load_x(min(first_token + token, last_token), chunk * 32u + 4u * tx);
        }
        load_w(local, first_row, chunk);
        workgroupBarrier();
        for (var q = 0u; q < 8u; q++) {
            let xs = tx * PITCH + q;
            let x0 = x_tile[xs];
            let x1 = x_tile[xs + 8u * PITCH];
            let x2 = x_tile[xs + 16u * PITCH];
            let x3 = x_tile[xs + 24u * PITCH];
            let ws = ty * PITCH + q;
            a0 += products(w_tile[ws], x0, x1, x2, x3);
            a1 += products(w_tile[ws + 8u * PITCH], x0, x1, x2, x3);
            a2 += products(w_tile[ws + 16u * PITCH], x0, x1, x2, x3);
            a3 += products(w_tile[ws + 24u * PITCH], x0, x1, x2, x3);
            a4 += products(w_tile[ws + 32u * PITCH], x0, x1, x2, x3);
            a5 += products(w_tile[ws + 40u * PITCH], x0, x1, x2, x3);
            a6 += products(w_tile[ws + 48u * PITCH], x0, x1, x2, x3);
            a7 += products(w_tile[ws + 56u * PITCH], x0, x1, x2, x3);
        }
        workgroupBarrier();
    }
#end

    let row = first_row + ty;
    let token = first_token + tx;
#if gated
    store(row, token, a0, a4);
    store(row + 8u, token, a1, a5);
    store(row + 16u, token, a2, a6);
    store(row + 24u, token, a3, a7);
#else
    store(row, token, a0, a0);
    store(row + 8u, token, a1, a1);
    store(row + 16u, token, a2, a2);
    store(row + 24u, token, a3, a3);
    store(row + 32u, token, a4, a4);
    store(row + 40u, token, a5, a5);
    store(row + 48u, token, a6, a6);
    store(row + 56u, token, a7, a7);
#end
}
