// Integer products: the values of a matrix are 8-bit integers times a scale plus an offset, which 16 values share
// (`weights_codes`, `weights_affine`). The inputs are staged: each block of 32 becomes 8-bit integers (`dp4a`) or f16
// (`half`), times a scale in f32. Sums of integers are exact, sums of f16 have four terms, and the rest is f32.
//
// f16 rounds small numbers less, so unsigned codes are centred: their middle, the constant `CENTRE` of the format, is
// subtracted (`centred`, `centred_affine`).
#if dp4a
alias Input = u32;    // four integers
alias Partial = i32;  // a sum of products with the codes

const GREATEST_INPUT: f32 = 127.0;

fn staged(v: vec4<f32>) -> Input {
    return pack4xI8(vec4<i32>(round(v)));
}

fn sum_of(v: Input) -> f32 {
    return f32(dot4I8Packed(v, 0x01010101u));
}

fn partial_product(codes: u32, v: Input) -> Partial {
    return dot4I8Packed(codes, v);
}

fn centred(codes: u32, centre: u32) -> u32 {
    return codes;
}

fn centred_affine(affine: vec4<f32>, centre: u32) -> vec4<f32> {
    return affine;
}
#else
alias Input = vec4<f16>;
alias Partial = f32;

const GREATEST_INPUT: f32 = 64.0; // so that four products with 8-bit integers fit f16

fn staged(v: vec4<f32>) -> Input {
    return vec4<f16>(v);
}

fn sum_of(v: Input) -> f32 {
    let wide = vec4<f32>(v);
    return wide.x + wide.y + wide.z + wide.w;
}

fn partial_product(codes: u32, v: Input) -> Partial {
    return f32(dot(vec4<f16>(unpack4xI8(codes)), v));
}

// With its top bit set a byte is greater than `centre`, so no byte borrows from the next.
fn centred(codes: u32, centre: u32) -> u32 {
    if (centre == 0u) {
        return codes;
    }
    return ((codes | 0x80808080u) - centre) ^ 0x80808080u;
}

fn centred_affine(affine: vec4<f32>, centre: u32) -> vec4<f32> {
    return vec4<f32>(affine.xy, affine.zw + f32(centre & 0xffu) * affine.xy);
}
#end

fn greatest_of(v: vec4<f32>) -> f32 {
    let pair = max(abs(v.xy), abs(v.zw));
    return max(pair.x, pair.y);
}

// The scale of staged inputs whose greatest magnitude is `greatest`.
fn input_scale(greatest: f32) -> f32 {
    return greatest / GREATEST_INPUT;
}

// Its inverse; 0 for tiny inputs, which become zeros.
fn inverse_input_scale(greatest: f32) -> f32 {
    return select(0.0, GREATEST_INPUT / greatest, greatest > 1e-30);
}
