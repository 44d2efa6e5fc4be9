//! The launch of a product of one row: how its invocations share the work.

use linnet_shaders::{Format, Math, matvec};

use crate::kernels::config::Selected;

/// Bytes of workgroup memory per invocation for sums without subgroups.
const SUMS_BYTES: u32 = 52;
/// A product with fewer workgroups than this gets smaller ones: a device needs more workgroups than it has cores.
const FEW_WORKGROUPS: u32 = 256;

/// The shape of a `matvec` workgroup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MatvecLaunch {
    /// Its invocations.
    pub threads: u32,
    /// Lane groups per workgroup. If its invocations make fewer, they take several groups in sequence.
    pub groups: u32,
    /// Invocations per chunk of 32 inputs.
    pub split: u32,
    /// Arithmetic.
    pub math: Math,
}

impl MatvecLaunch {
    /// The launch for matrices of `formats` with `outputs` rows of `cols` inputs in total; a workgroup has `memory`
    /// bytes of memory. In the subgroup variant a lane group is a subgroup of at least `subgroup_size` lanes.
    pub fn new(
        selected: &Selected,
        formats: &[Format],
        (cols, outputs): (usize, u32),
        memory: u32,
    ) -> MatvecLaunch {
        let chunks = cols.div_ceil(32) as u32;
        let lanes = match selected.subgroup_size {
            Some(size) => size.clamp(4, matvec::THREADS),
            None if chunks <= 64 => 16,
            None if chunks <= 256 => 32,
            None => 64,
        };
        // A unit of work reads the block's scales once, which costs about as much as a pair of quads.
        let cost = |split: u32| (chunks * split).div_ceil(lanes) * (1 + 4 / split);
        let split = [1, 2, 4].into_iter().min_by_key(|split| cost(*split)).unwrap_or(1);
        let mut math = selected.math_for(formats);
        let mut shape = selected.shape(math);
        let sums = |threads: u32| if selected.subgroup_size.is_none() { threads * SUMS_BYTES } else { 0 };
        if chunks * math.block_bytes() + sums(shape.threads) > memory {
            (math, shape) = (Math::F32, selected.shape(Math::F32));
        }
        // Without subgroups each lane group runs once.
        let mut rows_per_thread = if selected.subgroup_size.is_none() { 1 } else { shape.rows_per_thread };
        let mut threads = shape.threads.max(lanes);
        let workgroups = |threads: u32, rows_per_thread: u32| {
            outputs.div_ceil(threads / lanes * rows_per_thread * matvec::ROWS)
        };
        while rows_per_thread > 1 && workgroups(threads, rows_per_thread) < FEW_WORKGROUPS {
            rows_per_thread /= 2;
        }
        while threads > matvec::THREADS.max(lanes) && workgroups(threads, rows_per_thread) < FEW_WORKGROUPS {
            threads /= 2;
        }
        MatvecLaunch { threads, groups: threads / lanes * rows_per_thread, split, math }
    }
}

#[cfg(test)]
mod tests {
    use linnet_quant::DType;

    use super::*;
    use crate::kernels::config::WorkgroupShape;

    const MEMORY: u32 = 16384;

    fn lanes(cols: usize, subgroup_size: Option<u32>) -> MatvecLaunch {
        let selected = Selected { subgroup_size, ..Selected::default() };
        MatvecLaunch::new(&selected, &[Format::of(DType::Q4_0)], (cols, 1 << 20), MEMORY)
    }

    #[test]
    fn lanes_are_kept_busy() {
        let expected = |groups, split| MatvecLaunch { threads: 64, groups, split, math: Math::F32 };
        assert_eq!(lanes(576, None), expected(4, 2));
        assert_eq!(lanes(576, Some(32)), expected(2, 1));
        assert_eq!(lanes(256, Some(64)), expected(1, 4));
        assert_eq!(lanes(9728, None), expected(1, 1));
    }

    #[test]
    fn large_workgroups_are_for_large_matrices() {
        let shapes = [WorkgroupShape { threads: 256, rows_per_thread: 2 }; 3];
        let selected = Selected { subgroup_size: Some(32), math: Math::Int8, shapes, ..Selected::default() };
        let shape = |rows| {
            let lanes = MatvecLaunch::new(&selected, &[Format::of(DType::Q8_0)], (1024, rows), MEMORY);
            [lanes.threads, lanes.groups]
        };
        assert_eq!(shape(1 << 20), [256, 16]);
        assert_eq!(shape(8192), [256, 8]);
        assert_eq!(shape(64), [64, 2]);
    }

    #[test]
    fn rows_that_do_not_fit_are_not_staged() {
        let selected = Selected { subgroup_size: Some(32), math: Math::Int8, ..Selected::default() };
        let math = |dtype, cols| MatvecLaunch::new(&selected, &[Format::of(dtype)], (cols, 64), MEMORY).math;
        assert_eq!(math(DType::Q4_0, 9728), Math::Int8);
        assert_eq!(math(DType::Q4_0, 12288), Math::F32);
        assert_eq!(math(DType::F16, 1024), Math::F32);
    }
}
