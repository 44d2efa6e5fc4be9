//! Selects kernels by measuring them on the device, with the weights of the model: the arithmetic of the products of
//! one row, and the shape of their workgroups.

mod peaks;
mod tune_cache;

use linnet_graph::{BackendError, Op, Plan, WeightId};
use linnet_shaders::{Format, Kernel, Math, matvec};
use wgpu::BufferUsages;

pub use self::peaks::Peaks;
pub(crate) use self::peaks::peaks;
use self::tune_cache::{TuneKey, TuneResult};
pub use self::tune_cache::{measured, recall};
use crate::device::{Buffer, platform};
use crate::kernels::{Gpu, MatvecLaunch, Selected, WorkgroupShape};
use crate::layout::{Step, flag, stride};
use crate::lower::Grid;
use crate::weights::{Data, Part, Weight};

/// The most matrices that a measurement reads: too many for the caches.
const MATRICES: usize = 16;
/// Shortest measurement, long enough to hide the cost of a submit.
const LONG_MS: f64 = 6.0;
/// The most times that a measurement reads each matrix.
const PASSES: usize = 64;
/// Number of measurements; the best counts.
const RUNS: usize = 3;
/// How much faster than the best kernel so far another must be to replace it.
const NOISE: f64 = 1.03;
/// How much faster than f32 another arithmetic must be, because it rounds its inputs.
fn handicap(math: Math) -> f64 {
    match math {
        Math::F32 => 1.0,
        Math::F16 => 1.05,
        Math::Int8 => 1.15,
    }
}

/// Selects the kernels for a plan by the time of its largest matrices. Does nothing after the self-test has disabled
/// kernels: a kernel with wrong results must not come back because it is fast.
///
/// # Errors
/// Errors of the device.
pub(crate) async fn tune(gpu: &Gpu, plan: &Plan, weights: &[Weight]) -> Result<(), BackendError> {
    let config = &gpu.config;
    if !gpu.tunes() || config.selected().software || config.has_disabled_features() {
        return Ok(());
    }
    let Some(sample) = Sample::of(plan, weights) else { return Ok(()) };
    let key = sample.key(gpu);
    let result = match tune_cache::known(&key) {
        Some(result) => result,
        None => {
            let result = sample.fastest(gpu, &key.maths).await?;
            tune_cache::keep(key, result);
            result
        }
    };
    config.prefer(sample.take(config.selected(), result));
    Ok(())
}

/// Matrices of one format and size.
struct Sample<'a> {
    format: Format,
    parts: Vec<&'a Part>,
    rows: usize,
    cols: usize,
}

impl<'a> Sample<'a> {
    /// The matrices of a plan with the most bytes in total.
    fn of(plan: &Plan, weights: &'a [Weight]) -> Option<Sample<'a>> {
        let mut samples: Vec<Sample<'a>> = Vec::new();
        for node in &plan.graph.nodes {
            let Op::MatMul(op) = &node.op else { continue };
            for projection in &op.projections {
                let WeightId(id) = projection.weight;
                let weight = weights.get(id as usize)?;
                let Data::Matrix { format, parts } = &weight.data else { continue };
                let ([part], cols) = (&parts[..], weight.spec.cols) else { continue };
                let alike = |sample: &&mut Sample<'_>| {
                    (sample.format, sample.rows, sample.cols) == (*format, part.rows, cols)
                };
                match samples.iter_mut().find(alike) {
                    Some(sample) => sample.parts.push(part),
                    None => {
                        samples.push(Sample { format: *format, parts: vec![part], rows: part.rows, cols });
                    }
                }
            }
        }
        // A matrix that is alone, such as the head, would be measured from the cache.
        let weight = |sample: &Sample<'_>| sample.parts.iter().map(|part| part.buffer.size()).sum::<u64>();
        samples.into_iter().filter(|sample| sample.parts.len() > 1).max_by_key(weight)
    }

    /// The key of the result.
    fn key(&self, gpu: &Gpu) -> TuneKey {
        TuneKey {
            adapter: gpu.capabilities().adapter,
            subgroup_size: gpu.config.selected().subgroup_size,
            maths: gpu.maths(),
            dtype: self.format.dtype() as u8,
            rows: self.rows,
            cols: self.cols,
        }
    }

    /// `selected`, with the kernels of a result.
    fn take(&self, selected: Selected, TuneResult { math, shape }: TuneResult) -> Selected {
        let mut taken = Selected { math, ..selected };
        taken.shapes[taken.math_for(&[self.format]) as usize] = shape;
        taken
    }

    /// Measures the arithmetic first, then the workgroup shape of the fastest.
    async fn fastest(&self, gpu: &Gpu, maths: &[Math]) -> Result<TuneResult, BackendError> {
        let selected = gpu.config.selected();
        let usual = |math| {
            let selected = Selected { math, ..selected };
            TuneResult { math, shape: selected.shape(selected.math_for(&[self.format])) }
        };
        let (mut best, mut least) = (usual(selected.math), f64::INFINITY);
        for math in maths {
            let result = usual(*math);
            let Some(took) = self.milliseconds(gpu, &self.take(selected, result)).await? else { continue };
            if took * handicap(*math) * NOISE < least {
                (best, least) = (result, took * handicap(*math));
            }
        }
        let TuneResult { math, shape: measured } = best;
        for shape in WorkgroupShape::ALL.into_iter().filter(|shape| *shape != measured) {
            let result = TuneResult { math, shape };
            let Some(took) = self.milliseconds(gpu, &self.take(selected, result)).await? else { continue };
            if took * handicap(math) * NOISE < least {
                (best, least) = (result, took * handicap(math));
            }
        }
        Ok(best)
    }

    /// Milliseconds of the products with all matrices; `None` if the kernel does not compile.
    async fn milliseconds(&self, gpu: &Gpu, selected: &Selected) -> Result<Option<f64>, BackendError> {
        let device = &gpu.device;
        let size = (self.cols, self.rows as u32);
        let launch = MatvecLaunch::new(selected, &[self.format], size, device.workgroup_memory());
        let MatvecLaunch { threads, groups, split, math } = launch;
        let subgroups = selected.subgroup_size.is_some();
        let kernel = Kernel::MatVec {
            format: self.format,
            second_matrix: None,
            fused_add_norm: false,
            gated: false,
            subgroups,
            math,
        };
        let floats =
            |what: &str, count: usize| device.buffer(what, stride(count) as u64 * 4, BufferUsages::STORAGE);
        let (x, y, none) =
            (floats("inputs", self.cols)?, floats("outputs", self.rows)?, floats("nothing", 16)?);
        let step = device.buffer("step", Step::BYTES, BufferUsages::UNIFORM)?;
        let scope = device.calls.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let parts = &self.parts[..self.parts.len().min(MATRICES)];
        let runs: Vec<_> = parts
            .iter()
            .map(|part| {
                let constants = vec![
                    ("COLS", self.cols as f64),
                    ("OUTPUTS", self.rows as f64),
                    ("SCALES", part.scales as f64),
                    ("NORM", flag(false)),
                    ("BIAS", flag(false)),
                    ("SPLIT", f64::from(split)),
                    ("GROUPS", f64::from(groups)),
                    ("THREADS", f64::from(threads)),
                ];
                let pipeline = gpu.pipeline(kernel, &constants);
                let buffers: [&Buffer; 7] = [&x, &none, &part.buffer, &none, &y, &none, &step];
                let entries: Vec<_> = (0..)
                    .zip(buffers)
                    .map(|(binding, buffer)| wgpu::BindGroupEntry {
                        binding,
                        resource: buffer.as_entire_binding(),
                    })
                    .collect();
                let layout = &pipeline.get_bind_group_layout(0);
                let label = Some("measurement");
                let bindings =
                    device.calls.bind_group(&wgpu::BindGroupDescriptor { label, layout, entries: &entries });
                (pipeline, bindings)
            })
            .collect();
        if scope.pop().await.is_some() {
            return Ok(None);
        }
        device.settle().await?;
        let extent = Grid::Linear(self.rows.div_ceil((groups * matvec::ROWS) as usize) as u32).extent(1);
        let run = async |passes: usize| {
            let start = platform::now_ms();
            let mut encoder = device.calls.device().create_command_encoder(&Default::default());
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (pipeline, bindings) in std::iter::repeat_n(&runs, passes).flatten() {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, bindings, &[]);
                device.calls.dispatch(&mut pass, extent);
            }
            drop(pass);
            device.calls.submit(Some(encoder.finish()));
            device.idle().await?;
            Ok::<f64, BackendError>(platform::now_ms() - start)
        };
        // Drivers compile in the first run.
        run(1).await?;
        let mut passes = 1;
        while run(passes).await? < LONG_MS && passes < PASSES {
            passes *= 2;
        }
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            best = best.min(run(passes).await?);
        }
        Ok(Some(best / passes as f64))
    }
}

#[cfg(test)]
mod tests {
    use linnet_graph::{Backend, Builder, CompileOptions, KvFormat};
    use linnet_quant::DType;

    use super::*;
    use crate::tests::{compiled, zeros};
    use crate::{GpuBackend, GpuOptions};

    const OPTIONS: CompileOptions =
        CompileOptions { context_length: 8, max_batch: 4, max_logits: 1, kv: KvFormat::F16 };

    /// Two matrices of one shape.
    fn compile(gpu: &mut GpuBackend) {
        let g = Builder::new();
        let table = g.weight("table", DType::F32, 2, 64);
        let matrices = ["a", "b"].map(|name| g.weight(name, DType::Q8_0, 64, 64));
        let x = matrices.into_iter().fold(g.embed(table), |x, matrix| g.matmul(matrix, x));
        let rows = g.select_rows(x);
        let plan = Plan::new(g.finish(rows).expect("a graph"));
        compiled(gpu, &plan, &zeros(&plan), OPTIONS);
    }

    /// Makes integers the fastest in every measurement.
    fn prefer_integers(gpu: &GpuBackend) {
        let key = TuneKey {
            adapter: gpu.gpu.capabilities().adapter,
            subgroup_size: gpu.gpu.config.selected().subgroup_size,
            maths: gpu.gpu.maths(),
            dtype: DType::Q8_0 as u8,
            rows: 64,
            cols: 64,
        };
        tune_cache::keep(
            key,
            TuneResult { math: Math::Int8, shape: WorkgroupShape { threads: 256, rows_per_thread: 1 } },
        );
    }

    #[test]
    fn gpu_does_not_come_back_to_what_it_gave_up() {
        let wrong: crate::AlterKernels = |name, wgsl| match name.contains("_int8") {
            true => wgsl.replace("block.x * (affine.x", "block.x * (-affine.x"),
            false => wgsl,
        };
        let (software_kernels, tune) = (Some(false), Some(true));
        let options =
            GpuOptions { software_kernels, tune, alter_kernels: Some(wrong), ..GpuOptions::default() };
        let mut gpu = match pollster::block_on(GpuBackend::new(options)) {
            Err(BackendError::NoAdapter { reason }) => return println!("skipped: no adapter ({reason})"),
            opened => opened.expect("a device"),
        };
        prefer_integers(&gpu);
        compile(&mut gpu);
        let disabled_features = gpu.capabilities().disabled_features.clone();
        assert!(
            matches!(&disabled_features[..], [why] if why.starts_with("without integer products")),
            "{disabled_features:?}"
        );
        prefer_integers(&gpu);
        compile(&mut gpu);
        assert_eq!(gpu.capabilities().disabled_features, disabled_features);
        assert_eq!(gpu.gpu.config.selected().math, Math::F32);
    }
}
