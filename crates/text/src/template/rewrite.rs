//! Writes a parsed template back as source, with a filter wherever an operation may take more work than
//! minijinja charges for: assignments, operators, subscripts, keys, loops. It uses minijinja's own syntax
//! tree, so both agree on what a template means.
//!
//! Text becomes `{{ "text" }}`, so that all output goes through one formatter. Line numbers stay the same.

mod expressions;
mod literals;

use minijinja::machinery::ast::{BinOpKind, Expr, IfCond, Macro, Stmt};

use super::bounds::refused;
use crate::TextError;
use expressions::{ATOM, FILTERED, OR};

/// Names of the inserted filters.
pub(super) const NAMED: &str = "__named";
pub(super) const ATTRIBUTE: &str = "__attribute";
pub(super) const INDEXED: &str = "__indexed";
pub(super) const SLICED: &str = "__sliced";
pub(super) const ITERATED: &str = "__iterated";
pub(super) const KEY: &str = "__key";
pub(super) const SOME: &str = "__some";
pub(super) const ADD: &str = "__add";
pub(super) const MULTIPLY: &str = "__multiply";
pub(super) const REMAINDER: &str = "__remainder";
pub(super) const CONCATENATE: &str = "__concatenate";
pub(super) const COMPARE: &str = "__compare";
pub(super) const COMPARE_CHAIN: &str = "__compare_chain";

/// The template with its filters.
///
/// # Errors
/// [`TextError::Template`] if it uses an unsupported feature.
pub(super) fn rewrite(template: &Stmt<'_>) -> Result<String, TextError> {
    let mut writer = Writer { out: String::new(), line: 1 };
    writer.statement(template)?;
    Ok(writer.out)
}

/// Replaces a default that minijinja cannot compute, because it refers to an earlier parameter.
const NOT_GIVEN: &str = "\"\u{fdd2}not given\"";

/// Whether an expression uses one of these parameters.
fn refers_to(expression: &Expr<'_>, parameters: &[Expr<'_>]) -> bool {
    if matches!(expression, Expr::Const(_)) {
        return false;
    }
    let mut writer = Writer { out: String::new(), line: usize::MAX };
    if writer.expression(expression, OR).is_err() {
        return false;
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let names = parameters.iter().filter_map(|parameter| match parameter {
        Expr::Var(variable) => Some(variable.id),
        _ => None,
    });
    names.into_iter().any(|name| writer.out.split(|c| !is_word(c)).any(|word| word == name))
}

struct Writer {
    out: String,
    line: usize,
}

type Written = Result<(), TextError>;

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Goes down to a line of the source, inside a tag.
    fn go_to(&mut self, line: u16) {
        while self.line < usize::from(line) {
            self.out.push('\n');
            self.line += 1;
        }
    }

    fn open(&mut self, line: u16, name: &str) {
        self.push("{%");
        self.go_to(line);
        self.push(" ");
        self.push(name);
        self.push(" ");
    }

    fn close(&mut self) {
        self.push(" %}");
    }

    fn tag(&mut self, name: &str) {
        self.push("{% ");
        self.push(name);
        self.close();
    }

    fn body(&mut self, statements: &[Stmt<'_>]) -> Written {
        statements.iter().try_for_each(|statement| self.statement(statement))
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Written {
        match statement {
            Stmt::Template(template) => self.body(&template.children)?,
            Stmt::EmitRaw(raw) => {
                if !raw.raw.is_empty() {
                    self.push("{{");
                    self.go_to(raw.span().start_line);
                    self.text(raw.raw);
                    self.push("}}");
                }
            }
            Stmt::EmitExpr(emit) => {
                self.push("{{ ");
                self.go_to(emit.span().start_line);
                self.expression(&emit.expr, OR)?;
                self.push(" }}");
            }
            Stmt::ForLoop(each) => {
                if each.recursive {
                    let line = each.span().start_line.into();
                    return Err(refused("recursive loops are not supported", Some(line)));
                }
                self.open(each.span().start_line, "for");
                self.target(&each.target)?;
                self.push(" in ");
                self.filtered(&each.iter, ITERATED)?;
                if let Some(condition) = &each.filter_expr {
                    self.push(" if ");
                    self.expression(condition, OR)?;
                }
                self.close();
                self.body(&each.body)?;
                if !each.else_body.is_empty() {
                    self.tag("else");
                    self.body(&each.else_body)?;
                }
                self.tag("endfor");
            }
            Stmt::IfCond(condition) => self.condition(condition, condition.span().start_line)?,
            Stmt::WithBlock(with) => {
                self.open(with.span().start_line, "with");
                for (index, (target, value)) in with.assignments.iter().enumerate() {
                    if index > 0 {
                        self.push(", ");
                    }
                    if matches!(target, Expr::List(_)) {
                        self.push("(");
                        self.target(target)?;
                        self.push(")");
                    } else {
                        self.target(target)?;
                    }
                    self.push(" = ");
                    self.named(value, NAMED)?;
                }
                self.close();
                self.body(&with.body)?;
                self.tag("endwith");
            }
            Stmt::Set(set) => {
                self.open(set.span().start_line, "set");
                self.target(&set.target)?;
                self.push(" = ");
                self.named(&set.expr, if has_attribute(&set.target) { ATTRIBUTE } else { NAMED })?;
                self.close();
            }
            Stmt::SetBlock(set) => {
                self.open(set.span().start_line, "set");
                self.target(&set.target)?;
                if let Some(filter) = &set.filter {
                    self.push(" | ");
                    self.expression(filter, FILTERED)?;
                }
                self.close();
                self.body(&set.body)?;
                self.tag("endset");
            }
            Stmt::AutoEscape(escape) => {
                self.open(escape.span().start_line, "autoescape");
                self.expression(&escape.enabled, OR)?;
                self.close();
                self.body(&escape.body)?;
                self.tag("endautoescape");
            }
            Stmt::FilterBlock(filter) => {
                self.open(filter.span().start_line, "filter");
                self.expression(&filter.filter, FILTERED)?;
                self.close();
                self.body(&filter.body)?;
                self.tag("endfilter");
            }
            Stmt::Macro(declared) => {
                self.open(declared.span().start_line, "macro");
                self.push(declared.name);
                self.parameters(declared)?;
                self.close();
                self.check_parameters(declared)?;
                self.body(&declared.body)?;
                self.tag("endmacro");
            }
            Stmt::CallBlock(block) => {
                self.open(block.span().start_line, "call");
                if !block.macro_decl.args.is_empty() {
                    self.parameters(&block.macro_decl)?;
                    self.push(" ");
                }
                self.call(&block.call)?;
                self.close();
                self.check_parameters(&block.macro_decl)?;
                self.body(&block.macro_decl.body)?;
                self.tag("endcall");
            }
            Stmt::Do(block) => {
                self.open(block.span().start_line, "do");
                self.call(&block.call)?;
                self.close();
            }
            Stmt::Continue(_) => self.tag("continue"),
            Stmt::Break(_) => self.tag("break"),
        }
        Ok(())
    }

    /// `if` with its branches: an `elif` is an `if` that is alone in the `else` branch.
    fn condition(&mut self, first: &IfCond<'_>, line: u16) -> Written {
        self.open(line, "if");
        let mut condition = first;
        loop {
            self.expression(&condition.expr, OR)?;
            self.close();
            self.body(&condition.true_body)?;
            match condition.false_body.as_slice() {
                [] => break,
                [Stmt::IfCond(next)] => {
                    self.open(next.span().start_line, "elif");
                    condition = next;
                }
                other => {
                    self.tag("else");
                    self.body(other)?;
                    break;
                }
            }
        }
        self.tag("endif");
        Ok(())
    }

    fn target(&mut self, target: &Expr<'_>) -> Written {
        let Expr::List(list) = target else { return self.expression(target, ATOM) };
        for (index, item) in list.items.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            if matches!(item, Expr::List(_)) {
                self.push("(");
                self.target(item)?;
                self.push(")");
            } else {
                self.target(item)?;
            }
        }
        if list.items.len() == 1 {
            self.push(",");
        }
        Ok(())
    }

    fn parameters(&mut self, declared: &Macro<'_>) -> Written {
        self.push("(");
        let plain = declared.args.len() - declared.defaults.len();
        for (index, parameter) in declared.args.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.target(parameter)?;
            if let Some(default) = index.checked_sub(plain).and_then(|index| declared.defaults.get(index)) {
                self.push("=");
                match refers_to(default, &declared.args[..index]) {
                    true => self.push(NOT_GIVEN),
                    false => self.expression(default, OR)?,
                }
            }
        }
        self.push(")");
        Ok(())
    }

    /// Checks the arguments at the start of a macro, or of a block passed to one.
    fn check_parameters(&mut self, declared: &Macro<'_>) -> Written {
        let plain = declared.args.len() - declared.defaults.len();
        for (index, parameter) in declared.args.iter().enumerate() {
            self.push("{% set ");
            self.target(parameter)?;
            self.push(" = ");
            let default = index.checked_sub(plain).and_then(|index| declared.defaults.get(index));
            if let Some(default) = default.filter(|default| refers_to(default, &declared.args[..index])) {
                self.push("(");
                self.expression(default, OR)?;
                self.push(" if ");
                self.target(parameter)?;
                self.push(" == ");
                self.push(NOT_GIVEN);
                self.push(" else ");
                self.target(parameter)?;
                self.push(")|");
                self.push(NAMED);
            } else {
                self.named(parameter, NAMED)?;
            }
            self.close();
        }
        Ok(())
    }

    fn named(&mut self, value: &Expr<'_>, filter: &str) -> Written {
        let is_text = matches!(value, Expr::BinOp(binary) if matches!(binary.op, BinOpKind::Concat));
        if is_text || matches!(value, Expr::Const(_)) {
            return self.expression(value, OR);
        }
        self.filtered(value, filter)
    }
}

fn has_attribute(target: &Expr<'_>) -> bool {
    match target {
        Expr::GetAttr(_) => true,
        Expr::List(list) => list.items.iter().any(has_attribute),
        _ => false,
    }
}
