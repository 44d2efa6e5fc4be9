//! How long each dispatch of a step takes, by the device's own clock.

use linnet_graph::{BackendError, Step, Timing};
use wgpu::BufferUsages;

use crate::device::Device;
use crate::error::internal;
use crate::lower::Cost;
use crate::program::Program;

/// Timestamps per query set, which every WebGPU device supports; a dispatch takes two.
const TIMESTAMPS: usize = 4096;

impl Program {
    /// Runs a step with each dispatch in a pass of its own between two timestamps.
    pub(crate) async fn profile(
        &mut self,
        device: &Device,
        step: Step<'_>,
    ) -> Result<Vec<Timing>, BackendError> {
        if !device.timestamps {
            let (label, op) =
                ("profile".to_owned(), "timestamps, which this adapter does not support".to_owned());
            return Err(BackendError::UnsupportedOp { label, op });
        }
        let (mut encoder, extent) = self.begin(device, &step, 0)?;
        let dispatches = self.dispatches();
        let runs: Vec<_> = dispatches.iter().filter_map(|d| Some((d, d.extent(extent)?))).collect();
        let sets: Vec<wgpu::QuerySet> = (0..runs.len().div_ceil(TIMESTAMPS / 2))
            .map(|_| {
                device.calls.device().create_query_set(&wgpu::QuerySetDescriptor {
                    label: Some("timestamps"),
                    ty: wgpu::QueryType::Timestamp,
                    count: TIMESTAMPS as u32,
                })
            })
            .collect();
        for (index, (dispatch, extent)) in runs.iter().enumerate() {
            let first = (index % (TIMESTAMPS / 2) * 2) as u32;
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some(&dispatch.label),
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &sets[index / (TIMESTAMPS / 2)],
                    beginning_of_pass_write_index: Some(first),
                    end_of_pass_write_index: Some(first + 1),
                }),
            });
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bindings, &[]);
            device.calls.dispatch(&mut pass, *extent);
        }
        let bytes = (sets.len() * TIMESTAMPS * size_of::<u64>()) as u64;
        let resolved =
            device.buffer("timestamps", bytes, BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC)?;
        let readback =
            device.buffer("read timestamps", bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST)?;
        for (index, set) in sets.iter().enumerate() {
            let begin = index * (TIMESTAMPS / 2);
            let count = 2 * (runs.len() - begin).min(TIMESTAMPS / 2) as u32;
            encoder.resolve_query_set(
                set,
                0..count,
                &resolved,
                (index * TIMESTAMPS * size_of::<u64>()) as u64,
            );
        }
        encoder.copy_buffer_to_buffer(&resolved, 0, &readback, 0, bytes);
        let timings: Vec<Timing> = runs
            .iter()
            .map(|(dispatch, _)| {
                let rows = f64::from(extent.rows(dispatch.rows));
                let (kernel, part) = dispatch.label.split_once(' ').unwrap_or((&dispatch.label, ""));
                let Cost { bytes, macs } = dispatch.cost;
                let (kernel, part) = (kernel.to_owned(), part.to_owned());
                Timing { kernel, part, seconds: 0.0, bytes, macs: macs * rows }
            })
            .collect();
        device.calls.submit(Some(encoder.finish()));
        let ticks = device.read::<u64>(&readback, bytes).await?;
        let period = f64::from(device.calls.queue().get_timestamp_period()) * 1e-9;
        let timed = timings.into_iter().zip(ticks.chunks_exact(2)).map(|(timing, ticks)| {
            let elapsed = ticks[1]
                .checked_sub(ticks[0])
                .ok_or_else(|| internal("the device's clock went backwards"))?;
            Ok(Timing { seconds: elapsed as f64 * period, ..timing })
        });
        timed.collect()
    }
}
