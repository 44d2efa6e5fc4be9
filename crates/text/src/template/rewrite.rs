//! Writes a parsed template back as source, with a filter wherever an operation may take more work than
//! minijinja charges for: assignments, operators, subscripts, keys, loops. It uses minijinja's own syntax
//! tree, so both agree on what a template means.
//!
//! Text becomes `{{ "text" }}`, so that all output goes through one formatter. Line numbers stay the same.

mod calls;
mod expressions;
mod literals;
mod macros;

use std::collections::HashMap;
use std::rc::Rc;

use minijinja::machinery::ast::{BinOpKind, Expr, IfCond, Stmt};

use crate::TextError;
use expressions::{ATOM, FILTERED, OR};
use macros::{Parameters, dependent_defaults};

/// Names of the inserted filters.
pub(super) const NAMED: &str = "__named";
pub(super) const ATTRIBUTE: &str = "__attribute";
pub(super) const METHOD: &str = "__method";
pub(super) const INDEXED: &str = "__indexed";
pub(super) const SLICED: &str = "__sliced";
pub(super) const ITERATED: &str = "__iterated";
/// Both checks the value and prepares it for a loop.
const RECURSED: &str = "__named|__iterated";
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
    let mut writer = Writer::new(1);
    writer.statement(template)?;
    if !writer.variadic.is_empty() {
        // Calls of variadic macros are written differently, and may precede the macros: write everything again.
        writer = Writer { variadic: writer.variadic, ..Writer::new(1) };
        writer.statement(template)?;
    }
    Ok(writer.out)
}

pub(super) fn refused(reason: &str, line: Option<usize>) -> TextError {
    TextError::Template { reason: reason.to_owned(), line }
}

struct Writer {
    out: String,
    line: usize,
    /// How many macros surround the code.
    macros: usize,
    /// The macros that take any arguments, by name.
    variadic: HashMap<String, Rc<Parameters>>,
}

type Written = Result<(), TextError>;

impl Writer {
    fn new(line: usize) -> Self {
        Self { out: String::new(), line, macros: 0, variadic: HashMap::new() }
    }

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
                self.open(each.span().start_line, "for");
                self.target(&each.target)?;
                self.push(" in ");
                self.filtered(&each.iter, ITERATED)?;
                if let Some(condition) = &each.filter_expr {
                    self.push(" if ");
                    self.expression(condition, OR)?;
                }
                if each.recursive {
                    self.push(" recursive");
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
                // One assignment of a tuple, because no value may refer to another one's variable.
                let (targets, values): (Vec<_>, Vec<_>) =
                    with.assignments.iter().map(|(target, value)| (target, value)).unzip();
                match values[..] {
                    [] => {}
                    [value] => {
                        self.targets(&targets)?;
                        self.push(" = ");
                        self.named(value, NAMED)?;
                    }
                    _ => {
                        self.push("(");
                        self.targets(&targets)?;
                        self.push(") = (");
                        self.items(values.iter().copied())?;
                        self.push(")|");
                        self.push(NAMED);
                    }
                }
                self.close();
                self.body(&with.body)?;
                self.tag("endwith");
            }
            Stmt::Set(set) => {
                self.open(set.span().start_line, "set");
                self.target(&set.target)?;
                self.push(" = ");
                let mut owners = Vec::new();
                attribute_owners(&set.target, &mut owners);
                if self.macros > 0 && !owners.is_empty() {
                    // minijinja gives a macro the outer variables that it reads, not those that it assigns to.
                    self.filtered(&set.expr, ATTRIBUTE)?;
                    self.push("(");
                    self.items(owners)?;
                    self.push(")");
                } else {
                    self.named(&set.expr, if owners.is_empty() { NAMED } else { ATTRIBUTE })?;
                }
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
                let dependent = dependent_defaults(declared);
                self.parameters(declared, &dependent)?;
                let parameters_end = self.out.len() - 1;
                self.close();
                self.check_parameters(declared, &dependent)?;
                let body = self.out.len();
                self.macro_body(&declared.body)?;
                self.variadic_macro(declared, parameters_end, body);
                self.tag("endmacro");
            }
            Stmt::CallBlock(block) => {
                self.open(block.span().start_line, "call");
                let dependent = dependent_defaults(&block.macro_decl);
                if !block.macro_decl.args.is_empty() {
                    self.parameters(&block.macro_decl, &dependent)?;
                    self.push(" ");
                }
                self.call(&block.call)?;
                self.close();
                self.check_parameters(&block.macro_decl, &dependent)?;
                self.macro_body(&block.macro_decl.body)?;
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
        let list = match target {
            Expr::List(list) => list,
            Expr::GetAttr(attribute) => return self.attribute(attribute),
            _ => return self.expression(target, ATOM),
        };
        self.targets(&list.items.iter().collect::<Vec<_>>())?;
        if list.items.len() == 1 {
            self.push(",");
        }
        Ok(())
    }

    fn targets(&mut self, targets: &[&Expr<'_>]) -> Written {
        for (index, target) in targets.iter().enumerate() {
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

/// Adds the namespaces whose attributes are assigned.
fn attribute_owners<'a, 's>(target: &'a Expr<'s>, owners: &mut Vec<&'a Expr<'s>>) {
    match target {
        Expr::GetAttr(attribute) => owners.push(&attribute.expr),
        Expr::List(list) => list.items.iter().for_each(|item| attribute_owners(item, owners)),
        _ => {}
    }
}
