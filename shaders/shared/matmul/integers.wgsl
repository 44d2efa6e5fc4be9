// Products with integers: the values of a matrix are integers of 8 bits times factors, plus summands, both the same for
// 16 values (`weights_codes`, `weights_affine`). The inputs are staged for that: those of a block of 32 become integers
// of 8 bits (`dp4a`) or numbers of 16 bits (`half`), times a scale in f32. Integers are added up exactly, numbers of 16
// bits four at a time, and everything else in f32.
//
// Numbers of 16 bits lose the less the smaller they are: integers that are never negative, as a format's constant
// `CENTRE` says, have what lies in their middle subtracted (`centred`, `centred_affine`).
#if dp4a
alias Input = u32;    // four of them
alias Partial = i32;  // a sum of their products with integers

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

const GREATEST_INPUT: f32 = 64.0; // four products with integers of 8 bits are then less than the greatest f16

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

// No byte borrows from the next: with its top bit set it is greater than what is subtracted.
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

// What staged inputs are multiplied with, where the greatest magnitude is this.
fn input_scale(greatest: f32) -> f32 {
    return greatest / GREATEST_INPUT;
}

// Its inverse. Inputs that are next to nothing are nothing.
fn inverse_input_scale(greatest: f32) -> f32 {
    return select(0.0, GREATEST_INPUT / greatest, greatest > 1e-30);
}
