//! A stable text form of a graph, for people and for snapshot tests.

use std::fmt;

use crate::ir::graph::Graph;
use crate::ir::op::Op;
use crate::ir::params::{Attention, Conv, Epilogue, ExpertMatMul, Norm, NormAdd, Rope, RopeFactors};
use crate::ir::value::{Rows, Value};

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
            f.write_str(node.op.name())?;
            if !node.inputs.is_empty() {
                write!(f, " {}", join(&node.inputs))?;
            }
            match &node.op {
                Op::Embed { table, factor } => {
                    write!(f, " {}", name(*table))?;
                    if *factor != 1.0 {
                        write!(f, " x{factor}")?;
                    }
                }
                Op::RmsNorm(norm) => {
                    write!(f, " ")?;
                    self.print_norm(f, norm)?;
                }
                Op::NormAdd(sum) => {
                    write!(f, " ")?;
                    self.print_norm_add(f, sum)?;
                }
                Op::MatMul(m) => {
                    if let Some(sum) = &m.fused_add_norm {
                        write!(f, " add_norm(")?;
                        self.print_norm_add(f, sum)?;
                        write!(f, ")")?;
                    }
                    if let Some(norm) = &m.norm {
                        write!(f, " norm(")?;
                        self.print_norm(f, norm)?;
                        write!(f, ")")?;
                    }
                    for p in &m.projections {
                        write!(f, " {}:{}", name(p.weight), self.weight(p.weight).dtype.name())?;
                        if let Some(bias) = p.bias {
                            write!(f, "+{}", name(bias))?;
                        }
                    }
                    match m.epilogue {
                        Epilogue::Store => {}
                        Epilogue::Residual if m.factor != 1.0 => write!(f, " x{} +residual", m.factor)?,
                        Epilogue::Residual => write!(f, " +residual")?,
                        Epilogue::Gated(activation) => write!(f, " gated({activation:?})")?,
                        Epilogue::GatedHalves(activation) => write!(f, " gated halves({activation:?})")?,
                        Epilogue::Joined => write!(f, " joined")?,
                    }
                }
                Op::Rope(rope) => self.print_rope(f, rope)?,
                Op::StoreKv { layer } => write!(f, " layer={layer}")?,
                Op::Attention(attention) => self.print_attention(f, attention)?,
                Op::SelfAttention(a) => {
                    self.print_attention(f, &a.attention)?;
                    for (name, norm) in ["q", "k", "v"].iter().zip(&a.norms) {
                        if let Some(norm) = norm {
                            write!(f, " {name}_norm(")?;
                            self.print_norm(f, norm)?;
                            write!(f, ")")?;
                        }
                    }
                    if let Some(rope) = &a.rope {
                        write!(f, " rope")?;
                        self.print_rope(f, rope)?;
                    }
                }
                Op::Gated(activation) => write!(f, " {activation:?}")?,
                Op::GatedParts(g) => write!(f, " {:?} of {}, {}", g.activation, g.gate, g.up)?,
                Op::Scale(scale) => {
                    write!(f, " {}", scale.factor)?;
                    if let Some(weight) = scale.weight {
                        write!(f, " {}", name(weight))?;
                    }
                }
                Op::SoftCap(cap) => write!(f, " {cap}")?,
                Op::Slice(slice) => write!(f, " {}+{} of {}", slice.start, slice.len, slice.stride)?,
                Op::Router(r) => {
                    write!(f, " {} of {} {:?}", r.used, r.experts, r.gating)?;
                    if let Some(bias) = r.bias {
                        write!(f, " +{}", name(bias))?;
                    }
                    if r.normalize {
                        write!(f, " normalized")?;
                    }
                    if r.scale != 1.0 {
                        write!(f, " scale={}", r.scale)?;
                    }
                }
                Op::ExpertMatMul(m) | Op::ExpertSum(m) => self.print_experts(f, m)?,
                Op::GatedExperts(g) => {
                    if let Some(norm) = &g.norm {
                        write!(f, " norm(")?;
                        self.print_norm(f, norm)?;
                        write!(f, ")")?;
                    }
                    self.print_experts(f, &g.gate)?;
                    self.print_experts(f, &g.up)?;
                    write!(f, " gated({:?})", g.activation)?;
                }
                Op::Conv(conv) => self.print_conv(f, conv)?,
                Op::GatedConv(g) => {
                    self.print_conv(f, &g.conv)?;
                    write!(f, " parts {}, {}, {}", g.before, g.x, g.after)?;
                }
                Op::DeltaNet(d) => {
                    write!(f, " {}/{}x{} state={}", d.value_heads, d.key_heads, d.head_dim, d.state)?;
                }
                Op::Add | Op::WeightedSum | Op::SelectRows | Op::Argmax => {}
            }
            writeln!(f, "  // {}", node.label)?;
        }
        Ok(())
    }
}

impl Graph {
    fn print_experts(&self, f: &mut fmt::Formatter<'_>, m: &ExpertMatMul) -> fmt::Result {
        let spec = self.weight(m.weight);
        write!(f, " {}:{}", spec.name, spec.dtype.name())?;
        if let Some(bias) = m.bias {
            write!(f, "+{}", self.weight(bias).name)?;
        }
        Ok(())
    }

    fn print_conv(&self, f: &mut fmt::Formatter<'_>, conv: &Conv) -> fmt::Result {
        write!(f, " {} state={}", self.weight(conv.kernel).name, conv.state)?;
        if conv.silu {
            write!(f, " silu")?;
        }
        Ok(())
    }

    fn print_norm(&self, f: &mut fmt::Formatter<'_>, norm: &Norm) -> fmt::Result {
        match norm.weight {
            Some(weight) => write!(f, "{} eps={}", self.weight(weight).name, norm.eps),
            None => write!(f, "x{} eps={}", norm.width, norm.eps),
        }
    }

    fn print_norm_add(&self, f: &mut fmt::Formatter<'_>, add: &NormAdd) -> fmt::Result {
        self.print_norm(f, &add.norm)?;
        match add.scale {
            Some(scale) => write!(f, " x {}", self.weight(scale).name),
            None => Ok(()),
        }
    }

    fn print_rope(&self, f: &mut fmt::Formatter<'_>, rope: &Rope) -> fmt::Result {
        write!(f, " {}x{} {:?}", rope.heads, rope.head_dim, rope.style)?;
        match rope.factors {
            None => {}
            Some(RopeFactors::Fixed(factors)) => write!(f, " /{}", self.weight(factors).name)?,
            Some(RopeFactors::ByContext { short, long, limit }) => {
                write!(f, " /{} to {limit}, {}", self.weight(short).name, self.weight(long).name)?;
            }
        }
        if rope.magnitude != 1.0 {
            write!(f, " magnitude={}", rope.magnitude)?;
        }
        Ok(())
    }

    fn print_attention(&self, f: &mut fmt::Formatter<'_>, a: &Attention) -> fmt::Result {
        write!(f, " layer={} {}/{}x{} scale={}", a.layer, a.heads, a.kv_heads, a.head_dim, a.scale)?;
        if let Some(cap) = a.soft_cap {
            write!(f, " cap={cap}")?;
        }
        if let Some(window) = a.window {
            write!(f, " window={window}")?;
        }
        if let Some(sinks) = a.sinks {
            write!(f, " sinks={}", self.weight(sinks).name)?;
        }
        if let Some(t) = a.temperature {
            write!(f, " temperature={}/{}", t.scale, t.period)?;
        }
        Ok(())
    }
}
