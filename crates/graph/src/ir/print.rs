//! A stable text form of a graph, for people and for snapshot tests.

use std::fmt;

use crate::ir::graph::Graph;
use crate::ir::ops::FusedOp;
use crate::ir::ops::{Attention, Conv, ExpertMatMul, Norm, Rope, RopeFactors};
use crate::ir::ops::{FusedEpilogue, NormAdd};
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
impl<O: Clone + Into<FusedOp>> fmt::Display for Graph<O> {
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
            let op: FusedOp = node.op.clone().into();
            f.write_str(op.name())?;
            if !node.inputs.is_empty() {
                write!(f, " {}", join(&node.inputs))?;
            }
            match &op {
                FusedOp::Embed { table, factor } => {
                    write!(f, " {}", name(*table))?;
                    if *factor != 1.0 {
                        write!(f, " x{factor}")?;
                    }
                }
                FusedOp::RmsNorm(norm) => {
                    write!(f, " ")?;
                    self.print_norm(f, norm)?;
                }
                FusedOp::NormAdd(sum) => {
                    write!(f, " ")?;
                    self.print_norm_add(f, sum)?;
                }
                FusedOp::MatMul(m) => {
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
                        FusedEpilogue::Store => {}
                        FusedEpilogue::Residual { factor } if factor != 1.0 => {
                            write!(f, " x{factor} +residual")?;
                        }
                        FusedEpilogue::Residual { .. } => write!(f, " +residual")?,
                        FusedEpilogue::Gated(activation) => write!(f, " gated({activation:?})")?,
                        FusedEpilogue::GatedHalves(activation) => write!(f, " gated halves({activation:?})")?,
                        FusedEpilogue::Joined => write!(f, " joined")?,
                    }
                }
                FusedOp::Rope(rope) => self.print_rope(f, rope)?,
                FusedOp::StoreKv { layer } => write!(f, " layer={layer}")?,
                FusedOp::Attention(attention) => self.print_attention(f, attention)?,
                FusedOp::SelfAttention(a) => {
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
                FusedOp::Gated(activation) => write!(f, " {activation:?}")?,
                FusedOp::GatedParts(g) => write!(f, " {:?} of {}, {}", g.activation, g.gate, g.up)?,
                FusedOp::Scale(scale) => {
                    write!(f, " {}", scale.factor)?;
                    if let Some(weight) = scale.weight {
                        write!(f, " {}", name(weight))?;
                    }
                }
                FusedOp::SoftCap(cap) => write!(f, " {cap}")?,
                FusedOp::Slice(slice) => write!(f, " {}+{} of {}", slice.start, slice.len, slice.stride)?,
                FusedOp::Router(r) => {
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
                FusedOp::ExpertMatMul(m) | FusedOp::ExpertSum(m) => self.print_experts(f, m)?,
                FusedOp::GatedExperts(g) => {
                    if let Some(norm) = &g.norm {
                        write!(f, " norm(")?;
                        self.print_norm(f, norm)?;
                        write!(f, ")")?;
                    }
                    self.print_experts(f, &g.gate)?;
                    self.print_experts(f, &g.up)?;
                    write!(f, " gated({:?})", g.activation)?;
                }
                FusedOp::Conv(conv) => self.print_conv(f, conv)?,
                FusedOp::GatedConv(g) => {
                    self.print_conv(f, &g.conv)?;
                    write!(f, " parts {}, {}, {}", g.before, g.x, g.after)?;
                }
                FusedOp::DeltaNet(d) => {
                    write!(f, " {}/{}x{} state={}", d.value_heads, d.key_heads, d.head_dim, d.state)?;
                }
                FusedOp::Add | FusedOp::WeightedSum | FusedOp::SelectRows | FusedOp::Argmax => {}
            }
            writeln!(f, "  // {}", node.label)?;
        }
        Ok(())
    }
}

impl<O> Graph<O> {
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
