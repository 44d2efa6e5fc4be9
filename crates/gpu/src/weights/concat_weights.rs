//! Concatenates matrices whose products form one row, so that one dispatch computes them all.

use linnet_graph::{BackendError, FusedEpilogue, FusedOp, Plan};
use linnet_shaders::Format;

use crate::device::Device;
use crate::weights::weight::{Data, Part, Weight};

/// Bytes to move between waits for the device, which holds them twice until it is idle.
const MAX_MOVED: u64 = 32 << 20;

/// Concatenates the matrices of joined products: the first of several neighbours of one format gets the rows of all of
/// them, and the others have none. Matrices that do not fit one buffer stay separate.
pub(crate) async fn concat_weights(
    device: &Device,
    plan: &Plan<FusedOp>,
    weights: &mut [Weight],
) -> Result<(), BackendError> {
    let mut moved = 0;
    let (users, formats) = (users(plan), weights.iter().map(format).collect::<Vec<_>>());
    for node in &plan.graph.nodes {
        let FusedOp::MatMul(matmul) = &node.op else { continue };
        if matmul.epilogue != FusedEpilogue::Joined {
            continue;
        }
        let ids: Vec<usize> = matmul.projections.iter().map(|p| p.weight.0 as usize).collect();
        for run in ids.chunk_by(|a, b| formats[*a] == formats[*b]) {
            let alone = run.iter().all(|id| users[*id] == 1);
            let parts: Option<Vec<&Part>> = run.iter().map(|id| single(&weights[*id])).collect();
            let (Some(parts), Some(format)) = (parts, formats[run[0]]) else { continue };
            if run.len() < 2 || !alone {
                continue;
            }
            let Some(joined) = Part::joined(device, &node.label, format, &parts)? else { continue };
            moved += joined.buffer.size();
            let mut joined = Some(joined);
            for id in run {
                if let Data::Matrix { parts, .. } = &mut weights[*id].data {
                    *parts = joined.take().into_iter().collect();
                }
            }
            if moved > MAX_MOVED {
                device.idle().await?;
                moved = 0;
            }
        }
    }
    device.settle().await
}

fn format(weight: &Weight) -> Option<Format> {
    match &weight.data {
        Data::Matrix { format, .. } => Some(*format),
        Data::Vector(_) => None,
    }
}

/// The part of a matrix that has only one.
fn single(weight: &Weight) -> Option<&Part> {
    match &weight.data {
        Data::Matrix { parts, .. } if parts.len() == 1 => parts.first(),
        _ => None,
    }
}

/// How often the nodes of a plan read each matrix.
fn users(plan: &Plan<FusedOp>) -> Vec<usize> {
    let mut users = vec![0; plan.graph.weights.len()];
    for node in &plan.graph.nodes {
        match &node.op {
            FusedOp::MatMul(matmul) => {
                matmul.projections.iter().for_each(|p| users[p.weight.0 as usize] += 1)
            }
            FusedOp::ExpertMatMul(experts) => users[experts.weight.0 as usize] += 1,
            FusedOp::Embed { table, .. } => users[table.0 as usize] += 1,
            _ => {}
        }
    }
    users
}
