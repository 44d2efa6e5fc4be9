//! Unrolled loops.
//!
//! An array of vectors is in registers only if all its indices are constants. The compiler unrolls short loops
//! for most processors, but not for WebAssembly, where the kernels would keep their sums in memory.

/// Repeats a block four times, with a constant that counts from 0: `four_times!(I => { ... })`.
macro_rules! four_times {
    ($i:ident => $block:block) => {
        $crate::simd::twice!($i => $block);
        {
            #[allow(dead_code, reason = "a block need not use the count")]
            const $i: usize = 2;
            $block
        }
        {
            #[allow(dead_code, reason = "a block need not use the count")]
            const $i: usize = 3;
            $block
        }
    };
}

/// Repeats a block twice, with a constant that counts from 0.
macro_rules! twice {
    ($i:ident => $block:block) => {{
        #[allow(dead_code, reason = "a block need not use the count")]
        const $i: usize = 0;
        $block
    }
    {
        #[allow(dead_code, reason = "a block need not use the count")]
        const $i: usize = 1;
        $block
    }};
}

pub(crate) use {four_times, twice};
