//! The shapes to measure.

use linnet_graph::{Graph, Op};
use linnet_quant::DType;
use serde::{Deserialize, Serialize};

/// A matrix's shape and block format.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Matrix {
    /// The block format's name.
    pub format: String,
    /// Outputs.
    pub rows: usize,
    /// Inputs; a whole number of blocks.
    pub cols: usize,
}

/// The heads of an attention operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heads {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
}

/// The shapes at which kernels are measured.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cases {
    /// Matrix products.
    pub matrices: Vec<Matrix>,
    /// Attention operations, and RoPE of their queries.
    pub attentions: Vec<Heads>,
    /// Row widths of the norm, add and gate operations.
    pub widths: Vec<usize>,
}

/// The formats with their own kernels; others are converted to one of them or to floats.
const FORMATS: [DType; 12] = [
    DType::Q4_0,
    DType::Q4_1,
    DType::Q5_0,
    DType::Q5_1,
    DType::Q8_0,
    DType::Q4_K,
    DType::Q5_K,
    DType::Q6_K,
    DType::IQ4_NL,
    DType::MXFP4,
    DType::F16,
    DType::F32,
];

impl Default for Cases {
    /// The shapes of SmolLM2-135M: projections, feed-forward, head. Where its 576 inputs are not a whole
    /// number of blocks, the next larger width.
    fn default() -> Self {
        let of = |dtype: DType| {
            [(576, 576), (1536, 576), (576, 1536), (49152, 576)].map(|(rows, cols): (usize, usize)| Matrix {
                format: dtype.name().to_owned(),
                rows,
                cols: cols.next_multiple_of(dtype.block_values()),
            })
        };
        Cases {
            matrices: FORMATS.into_iter().flat_map(of).collect(),
            attentions: vec![Heads { heads: 9, kv_heads: 3, head_dim: 64 }],
            widths: vec![576, 1536],
        }
    }
}

impl Cases {
    /// The distinct shapes of a recorded model, in order of occurrence. Expert matrices are left out: a token
    /// uses only some of them.
    pub fn of_graph(graph: &Graph) -> Self {
        let mut cases = Cases { matrices: Vec::new(), attentions: Vec::new(), widths: Vec::new() };
        for weight in graph.weights.iter().filter(|weight| weight.uses.matrix && weight.uses.experts == 0) {
            let format = weight.dtype.name().to_owned();
            once(&mut cases.matrices, Matrix { format, rows: weight.rows, cols: weight.cols });
        }
        for node in &graph.nodes {
            let width = node.outputs.first().map(|output| graph.value(*output).width);
            match &node.op {
                Op::Attention(attention) => {
                    let (heads, kv_heads) = (attention.heads, attention.kv_heads);
                    once(&mut cases.attentions, Heads { heads, kv_heads, head_dim: attention.head_dim });
                }
                Op::RmsNorm(norm) => once(&mut cases.widths, norm.width),
                Op::Gated(_) => width.into_iter().for_each(|width| once(&mut cases.widths, width)),
                _ => {}
            }
        }
        cases
    }
}

fn once<T: PartialEq>(cases: &mut Vec<T>, case: T) {
    if !cases.contains(&case) {
        cases.push(case);
    }
}

#[cfg(test)]
mod tests {
    use super::{Cases, Heads, Matrix};
    use linnet_graph::{Attention, Builder};
    use linnet_quant::DType;

    #[test]
    fn the_default_shapes_are_whole_blocks() {
        let cases = Cases::default();
        assert_eq!(cases.matrices.len(), 48);
        for Matrix { format, cols, .. } in cases.matrices {
            let dtype = DType::ALL.into_iter().find(|dtype| dtype.name() == format);
            assert!(dtype.is_some_and(|dtype| cols % dtype.block_values() == 0), "{format} {cols}");
        }
    }

    #[test]
    fn repeated_shapes_are_measured_once() {
        let g = Builder::new();
        let mut x = g.embed(g.weight("table", DType::F16, 8, 64));
        for layer in 0..2 {
            let name = |part: &str| format!("{part}.{layer}");
            let norm = g.weight(&name("norm"), DType::F32, 1, 64);
            let up = g.weight(&name("up"), DType::Q8_0, 128, 64);
            let down = g.weight(&name("down"), DType::Q8_0, 64, 128);
            let kv = g.kv_layer(1, 64);
            g.store_kv(kv, x, x);
            x = g.attention(x, Attention::new(kv, [1, 1], 64, 1.0));
            let h = g.matmul(up, g.rms_norm(x, norm, 1e-5));
            x = g.matmul(down, g.swiglu(h, h));
        }
        let logits = g.select_rows(x);
        let cases = Cases::of_graph(&g.finish(logits).unwrap());
        let matrix = |rows, cols| Matrix { format: "Q8_0".to_owned(), rows, cols };
        assert_eq!(cases.matrices, [matrix(128, 64), matrix(64, 128)]);
        assert_eq!(cases.attentions, [Heads { heads: 1, kv_heads: 1, head_dim: 64 }]);
        assert_eq!(cases.widths, [64, 128]);
    }
}
