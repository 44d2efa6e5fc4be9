//! A stable text form of a graph, for people and for snapshot tests.

use std::fmt;

use crate::op::{Epilogue, Graph, Op, Rows, Value};

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

fn join(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

/// One line per node: `%outputs: [rows, width] = op inputs weights`.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |id| self.weight(id).name.as_str();
        for node in &self.nodes {
            if let Some(first) = node.outputs.first() {
                let rows = match self.value(*first).rows {
                    Rows::Tokens => "n",
                    Rows::Logits => "m",
                };
                let widths: Vec<_> = node.outputs.iter().map(|o| self.value(*o).width.to_string()).collect();
                write!(f, "{}: [{rows}, {}] = ", join(&node.outputs), widths.join(" | "))?;
            }
            let inputs = join(&node.inputs);
            match &node.op {
                Op::Embed { table } => write!(f, "embed {}", name(*table))?,
                Op::RmsNorm(norm) => write!(f, "rms_norm {inputs} {} eps={}", name(norm.weight), norm.eps)?,
                Op::MatMul(m) => {
                    write!(f, "matmul {inputs}")?;
                    if let Some(norm) = m.norm {
                        write!(f, " norm({} eps={})", name(norm.weight), norm.eps)?;
                    }
                    for p in &m.projections {
                        write!(f, " {}:{}", name(p.weight), self.weight(p.weight).dtype.name())?;
                        if let Some(bias) = p.bias {
                            write!(f, "+{}", name(bias))?;
                        }
                    }
                    match m.epilogue {
                        Epilogue::Store => {}
                        Epilogue::Residual => write!(f, " +residual")?,
                        Epilogue::SwiGlu => write!(f, " swiglu")?,
                    }
                }
                Op::Rope(r) => {
                    write!(f, "rope {inputs} {}x{} {:?}", r.heads, r.head_dim, r.style)?;
                    if let Some(factors) = r.factors {
                        write!(f, " /{}", name(factors))?;
                    }
                }
                Op::StoreKv { layer } => write!(f, "store_kv {inputs} layer={layer}")?,
                Op::Attention(a) => write!(
                    f,
                    "attention {inputs} layer={} {}/{}x{} scale={}",
                    a.layer, a.heads, a.kv_heads, a.head_dim, a.scale
                )?,
                Op::Add => write!(f, "add {inputs}")?,
                Op::SwiGlu => write!(f, "swiglu {inputs}")?,
                Op::SelectRows => write!(f, "select_rows {inputs}")?,
                Op::Argmax => write!(f, "argmax {inputs}")?,
            }
            writeln!(f, "  // {}", node.label)?;
        }
        Ok(())
    }
}
