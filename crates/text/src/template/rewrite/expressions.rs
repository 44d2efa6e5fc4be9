//! Writes expressions with as few brackets as possible, because minijinja's parser limits their nesting.

use std::fmt::Write;

use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, GetAttr, UnaryOpKind};

use super::{
    ADD, COMPARE, COMPARE_CHAIN, CONCATENATE, INDEXED, KEY, METHOD, MULTIPLY, REMAINDER, SLICED, Writer,
    Written,
};
use crate::template::methods::is_method;

/// Maximum size of a constant that is compared without a charge.
const SHORT: usize = 256;

// Operator precedence.
pub(super) const TERNARY: u8 = 0;
pub(super) const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const DIFFERENCE: u8 = 5;
const QUOTIENT: u8 = 6;
const POWER: u8 = 7;
const SIGN: u8 = 8;
pub(super) const FILTERED: u8 = 9;
pub(super) const ATOM: u8 = 10;

impl Writer {
    pub(super) fn filtered(&mut self, value: &Expr<'_>, filter: &str) -> Written {
        self.expression(value, FILTERED)?;
        self.push("|");
        self.push(filter);
        Ok(())
    }

    /// Writes an operator as a filter.
    fn operator(&mut self, left: &Expr<'_>, filter: &str, sign: Option<&str>, right: &Expr<'_>) -> Written {
        self.filtered(left, filter)?;
        self.push("(");
        if let Some(sign) = sign {
            // Writing to a string cannot fail.
            let _ = write!(self.out, "'{sign}', ");
        }
        self.expression(right, TERNARY)?;
        self.push(")");
        Ok(())
    }

    /// Writes an expression, in brackets if its precedence is too low.
    pub(super) fn expression(&mut self, expression: &Expr<'_>, least: u8) -> Written {
        let brackets = strength(expression) < least;
        if brackets {
            self.push("(");
        }
        self.bare(expression)?;
        if brackets {
            self.push(")");
        }
        Ok(())
    }

    /// Writes the subject of `.`, `[` or `(`: without brackets, a number would swallow the point.
    pub(super) fn base(&mut self, expression: &Expr<'_>) -> Written {
        match expression {
            Expr::Const(constant) if constant.value.is_number() => {
                self.push("(");
                self.constant(&constant.value);
                self.push(")");
                Ok(())
            }
            other => self.expression(other, ATOM),
        }
    }

    fn bare(&mut self, expression: &Expr<'_>) -> Written {
        match expression {
            Expr::Var(variable) => {
                self.go_to(variable.span().start_line);
                self.push(variable.id);
            }
            Expr::Const(constant) => self.constant(&constant.value),
            Expr::Slice(slice) => {
                self.push("(");
                self.filtered(&slice.expr, SLICED)?;
                self.push(")[");
                for (index, part) in [&slice.start, &slice.stop, &slice.step].into_iter().enumerate() {
                    if index > 0 {
                        self.push(":");
                    }
                    if let Some(part) = part {
                        self.expression(part, TERNARY)?;
                    }
                }
                self.push("]");
            }
            Expr::UnaryOp(unary) => match unary.op {
                UnaryOpKind::Not => {
                    self.push("not ");
                    self.expression(&unary.expr, NOT)?;
                }
                UnaryOpKind::Neg => {
                    self.push("-");
                    self.expression(&unary.expr, ATOM)?;
                }
            },
            Expr::BinOp(binary) => self.binary(binary.op, &binary.left, &binary.right)?,
            Expr::Compare(chain) => {
                self.filtered(&chain.expr, COMPARE_CHAIN)?;
                let mut before = "(";
                for next in &chain.ops {
                    // Writing to a string cannot fail.
                    let _ = write!(self.out, "{before}'{}', ", comparison(next.op));
                    self.expression(&next.expr, TERNARY)?;
                    before = ", ";
                }
                self.push(")");
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.true_expr, OR)?;
                self.push(" if ");
                self.expression(&choice.test_expr, OR)?;
                if let Some(other) = &choice.false_expr {
                    self.push(" else ");
                    self.expression(other, TERNARY)?;
                }
            }
            Expr::Filter(filter) => {
                if let Some(value) = &filter.expr {
                    self.expression(value, FILTERED)?;
                    self.push("|");
                }
                self.push(filter.name);
                if !filter.args.is_empty() {
                    self.arguments(&filter.args, None)?;
                }
            }
            Expr::Test(test) => {
                self.expression(&test.expr, FILTERED)?;
                self.push(" is ");
                self.push(test.name);
                self.arguments(&test.args, None)?;
            }
            Expr::GetAttr(attribute) if may_be_method(attribute) => {
                self.filtered(&attribute.expr, METHOD)?;
                // Writing to a string cannot fail.
                let _ = write!(self.out, "('{}')", attribute.name);
            }
            Expr::GetAttr(attribute) => self.attribute(attribute)?,
            Expr::GetItem(item) => {
                if is_simple_key(&item.subscript_expr) {
                    self.base(&item.expr)?;
                    self.push("[");
                    self.expression(&item.subscript_expr, TERNARY)?;
                } else {
                    self.push("(");
                    self.filtered(&item.expr, INDEXED)?;
                    self.push(")[");
                    self.filtered(&item.subscript_expr, KEY)?;
                }
                self.push("]");
            }
            Expr::Call(call) => self.call(call)?,
            Expr::List(list) => {
                self.push("[");
                self.items(&list.items)?;
                self.push("]");
            }
            Expr::Tuple(tuple) => {
                self.push("(");
                self.items(&tuple.items)?;
                self.push(if tuple.items.len() == 1 { ",)" } else { ")" });
            }
            Expr::Map(map) => {
                self.push("{");
                for (index, (key, value)) in map.keys.iter().zip(&map.values).enumerate() {
                    if index > 0 {
                        self.push(", ");
                    }
                    match key {
                        Expr::Const(_) => self.expression(key, TERNARY)?,
                        _ => self.filtered(key, KEY)?,
                    }
                    self.push(": ");
                    self.expression(value, TERNARY)?;
                }
                self.push("}");
            }
        }
        Ok(())
    }

    pub(super) fn attribute(&mut self, attribute: &GetAttr<'_>) -> Written {
        self.base(&attribute.expr)?;
        self.push(".");
        self.push(attribute.name);
        Ok(())
    }

    pub(super) fn items<'a, 's: 'a>(&mut self, items: impl IntoIterator<Item = &'a Expr<'s>>) -> Written {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.expression(item, TERNARY)?;
        }
        Ok(())
    }

    fn binary(&mut self, kind: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Written {
        match kind {
            BinOpKind::ScOr => self.between(left, OR, " or ", right, AND),
            BinOpKind::ScAnd => self.between(left, AND, " and ", right, NOT),
            BinOpKind::Sub => self.between(left, DIFFERENCE, " - ", right, QUOTIENT),
            BinOpKind::Div => self.between(left, QUOTIENT, " / ", right, POWER),
            BinOpKind::FloorDiv => self.between(left, QUOTIENT, " // ", right, POWER),
            BinOpKind::Pow => self.between(left, POWER, " ** ", right, SIGN),
            BinOpKind::Add => self.chain(kind, left, ADD, right),
            BinOpKind::Mul => self.operator(left, MULTIPLY, None, right),
            BinOpKind::Rem => self.operator(left, REMAINDER, None, right),
            BinOpKind::Concat => self.chain(kind, left, CONCATENATE, right),
            BinOpKind::Eq if is_short(left) || is_short(right) => {
                self.between(left, DIFFERENCE, " == ", right, DIFFERENCE)
            }
            BinOpKind::Ne if is_short(left) || is_short(right) => {
                self.between(left, DIFFERENCE, " != ", right, DIFFERENCE)
            }
            BinOpKind::Eq => self.operator(left, COMPARE, Some("=="), right),
            BinOpKind::Ne => self.operator(left, COMPARE, Some("!="), right),
            BinOpKind::Lt => self.operator(left, COMPARE, Some("<"), right),
            BinOpKind::Lte => self.operator(left, COMPARE, Some("<="), right),
            BinOpKind::Gt => self.operator(left, COMPARE, Some(">"), right),
            BinOpKind::Gte => self.operator(left, COMPARE, Some(">="), right),
            BinOpKind::In => self.operator(left, COMPARE, Some("in"), right),
        }
    }

    /// Writes `a + b + c` as one filter, so that long strings are not copied for each operator.
    fn chain(&mut self, kind: BinOpKind, left: &Expr<'_>, filter: &str, right: &Expr<'_>) -> Written {
        let mut operands = vec![right];
        let mut first = left;
        while let Expr::BinOp(binary) = first {
            if std::mem::discriminant(&binary.op) != std::mem::discriminant(&kind) {
                break;
            }
            operands.push(&binary.right);
            first = &binary.left;
        }
        self.filtered(first, filter)?;
        let mut before = "(";
        for operand in operands.into_iter().rev() {
            self.push(before);
            self.expression(operand, TERNARY)?;
            before = ", ";
        }
        self.push(")");
        Ok(())
    }

    fn between(&mut self, left: &Expr<'_>, least: u8, sign: &str, right: &Expr<'_>, then: u8) -> Written {
        self.expression(left, least)?;
        self.push(sign);
        self.expression(right, then)
    }
}

fn comparison(operator: CompareOpKind) -> &'static str {
    match operator {
        CompareOpKind::Eq => "==",
        CompareOpKind::Ne => "!=",
        CompareOpKind::Lt => "<",
        CompareOpKind::Lte => "<=",
        CompareOpKind::Gt => ">",
        CompareOpKind::Gte => ">=",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "not in",
    }
}

fn strength(expression: &Expr<'_>) -> u8 {
    match expression {
        Expr::IfExpr(_) => TERNARY,
        Expr::UnaryOp(unary) => match unary.op {
            UnaryOpKind::Not => NOT,
            UnaryOpKind::Neg => SIGN,
        },
        Expr::BinOp(binary) => match binary.op {
            BinOpKind::ScOr => OR,
            BinOpKind::ScAnd => AND,
            BinOpKind::Sub => DIFFERENCE,
            BinOpKind::Div | BinOpKind::FloorDiv => QUOTIENT,
            BinOpKind::Pow => POWER,
            BinOpKind::Eq | BinOpKind::Ne if is_short(&binary.left) || is_short(&binary.right) => COMPARISON,
            _ => FILTERED,
        },
        Expr::Test(_) => SIGN,
        Expr::Compare(_) | Expr::Filter(_) => FILTERED,
        Expr::GetAttr(attribute) if may_be_method(attribute) => FILTERED,
        _ => ATOM,
    }
}

/// Whether an attribute can be a method of its value. `loop` has an `index`.
fn may_be_method(attribute: &GetAttr<'_>) -> bool {
    is_method(attribute.name) && !matches!(&attribute.expr, Expr::Var(variable) if variable.id == "loop")
}

/// Whether a comparison with this constant costs next to nothing.
fn is_short(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(constant) => {
            !constant.value.is_none() && constant.value.as_str().is_none_or(|text| text.len() <= SHORT)
        }
        _ => false,
    }
}

/// Names and small numbers, which are found at once.
fn is_simple_key(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Const(constant) => match constant.value.as_str() {
            Some(text) => text.len() <= SHORT,
            None => u64::try_from(constant.value.clone()).is_ok_and(|index| index <= SHORT as u64),
        },
        _ => false,
    }
}
