//! x86-64 with AVX2, FMA and F16C.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _MM_HINT_T0, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadl_epi64,
    _mm_loadu_si128, _mm_max_ps, _mm_max_ss, _mm_movehl_ps, _mm_packs_epi32, _mm_prefetch, _mm_shuffle_ps,
    _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_andnot_ps,
    _mm256_broadcastsi128_si256, _mm256_castps_si256, _mm256_castps256_ps128, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_cvtps_epi32, _mm256_div_ps,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_round_ps,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_shuffle_epi8, _mm256_slli_epi16,
    _mm256_slli_epi32, _mm256_srli_epi16, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_epi16,
    _mm256_sub_ps,
};

use super::vectors::{Kernel, Simd};

/// Proof that the processor has AVX2, FMA and F16C.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, if the processor has these features.
    pub(crate) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        has.then_some(Avx2(()))
    }

    /// Runs `kernel` in a function compiled for these features.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma,f16c")]
        fn enter<K: Kernel>(avx2: Avx2, kernel: K) -> K::Output {
            kernel.run(avx2)
        }
        // SAFETY: an `Avx2` exists only where the processor has these features.
        unsafe { enter(self, kernel) }
    }
}

/// One method of the trait whose body is intrinsics.
macro_rules! intrinsics {
    ($($name:ident $(<const $n:ident: i32>)? ($($arg:ident: $type:ty),*) $(-> $out:ty)? = $body:expr;)*) => {
        $(
            #[inline(always)]
            fn $name $(<const $n: i32>)? (self, $($arg: $type),*) $(-> $out)? {
                // SAFETY: `self` proves the features; loads and stores are unaligned ones of the whole array that
                // the reference covers.
                unsafe { $body }
            }
        )*
    };
}

impl Simd for Avx2 {
    type I16 = __m256i;
    type I32 = __m256i;
    type F32 = __m256;

    #[inline(always)]
    fn prefetch<T>(self, from: &T, ahead: usize) {
        let line = std::ptr::from_ref(from).wrapping_byte_add(ahead);
        // SAFETY: a prefetch has no visible effect and cannot fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }

    intrinsics! {
        load_i16(from: &[i16; 16]) -> __m256i = _mm256_loadu_si256(from.as_ptr().cast());
        store_i16(v: __m256i, to: &mut [i16; 16]) = _mm256_storeu_si256(to.as_mut_ptr().cast(), v);
        load_i8(from: &[i8; 16]) -> __m256i = _mm256_cvtepi8_epi16(_mm_loadu_si128(from.as_ptr().cast()));
        splat_i16(v: i16) -> __m256i = _mm256_set1_epi16(v);
        splat_pair(pair: [i16; 2]) -> __m256i = _mm256_set1_epi32(bytemuck::cast(pair));
        and(a: __m256i, b: __m256i) -> __m256i = _mm256_and_si256(a, b);
        or(a: __m256i, b: __m256i) -> __m256i = _mm256_or_si256(a, b);
        sub_i16(a: __m256i, b: __m256i) -> __m256i = _mm256_sub_epi16(a, b);
        shr<const N: i32>(v: __m256i) -> __m256i = _mm256_srli_epi16::<N>(v);
        shl_8(v: __m256i) -> __m256i = _mm256_slli_epi16::<8>(v);
        lookup(table: &[u8; 16], codes: __m256i) -> __m256i = {
            let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
            _mm256_shuffle_epi8(table, codes)
        };
        dot(a: __m256i, b: __m256i) -> __m256i = _mm256_madd_epi16(a, b);
        load_i32(from: &[i32; 8]) -> __m256i = _mm256_loadu_si256(from.as_ptr().cast());
        store_i32(v: __m256i, to: &mut [i32; 8]) = _mm256_storeu_si256(to.as_mut_ptr().cast(), v);
        splat_i32(v: i32) -> __m256i = _mm256_set1_epi32(v);
        add_i32(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        to_f32(v: __m256i) -> __m256 = _mm256_cvtepi32_ps(v);
        load(from: &[f32; 8]) -> __m256 = _mm256_loadu_ps(from.as_ptr());
        store(v: __m256, to: &mut [f32; 8]) = _mm256_storeu_ps(to.as_mut_ptr(), v);
        load_f16(from: &[u16; 8]) -> __m256 = _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast()));
        load_bf16(from: &[u16; 8]) -> __m256 = {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.as_ptr().cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        };
        load_u8_f32(from: &[u8; 8]) -> __m256 =
            _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.as_ptr().cast())));
        load_i8_f32(from: &[i8; 8]) -> __m256 =
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.as_ptr().cast())));
        splat(v: f32) -> __m256 = _mm256_set1_ps(v);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        abs(v: __m256) -> __m256 = _mm256_andnot_ps(_mm256_set1_ps(-0.0), v);
        // 8: to nearest, ties to even, without exceptions.
        round(v: __m256) -> __m256 = _mm256_round_ps::<8>(v);
        exponent(v: __m256) -> __m256 = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(v)));
        store_as_i16(v: __m256, to: &mut [i16; 8]) = {
            let wide = _mm256_cvtps_epi32(v);
            let narrow = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256::<1>(wide));
            _mm_storeu_si128(to.as_mut_ptr().cast::<__m128i>(), narrow);
        };
        reduce_add(v: __m256) -> f32 = {
            let four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        };
        reduce_max(v: __m256) -> f32 = {
            let four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
        };
    }
}
