//! Writes the parameters of macros.

use minijinja::machinery::ast::{Expr, Macro, Stmt};

use super::expressions::OR;
use super::{NAMED, Writer, Written};

/// The variables of a macro for arguments that it does not declare.
const VARIADIC: [&str; 2] = ["varargs", "kwargs"];

/// Replaces a default that minijinja cannot compute, because it refers to an earlier parameter.
const NOT_GIVEN: &str = "\"\u{fdd2}not given\"";

/// Whether an expression uses one of these parameters.
fn refers_to(expression: &Expr<'_>, parameters: &[Expr<'_>]) -> bool {
    if matches!(expression, Expr::Const(_)) {
        return false;
    }
    let mut writer = Writer::new(usize::MAX);
    writer.expression(expression, OR).is_ok() && names(parameters).any(|name| has_word(&writer.out, name))
}

/// The names of parameters.
fn names<'a>(parameters: &'a [Expr<'_>]) -> impl Iterator<Item = &'a str> {
    parameters.iter().filter_map(|parameter| match parameter {
        Expr::Var(variable) => Some(variable.id),
        _ => None,
    })
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == word)
}

impl Writer {
    pub(super) fn macro_body(&mut self, body: &[Stmt<'_>]) -> Written {
        self.macros += 1;
        self.body(body)?;
        self.macros -= 1;
        Ok(())
    }

    /// Adds parameters to a macro whose body uses `varargs` or `kwargs`.
    pub(super) fn variadic_macro(&mut self, declared: &Macro<'_>, parameters_end: usize, body: usize) {
        let is_used = |name: &&str| has_word(&self.out[body..], name);
        if !VARIADIC.iter().any(is_used) || names(&declared.args).any(|name| VARIADIC.contains(&name)) {
            return;
        }
        let checks = VARIADIC.map(|name| format!("{{% set {name} = {name}|{NAMED} %}}")).concat();
        self.out.insert_str(body, &checks);
        let first = if declared.args.is_empty() { "" } else { ", " };
        self.out.insert_str(parameters_end, &format!("{first}varargs=(), kwargs={{}}"));
        self.variadic.push((declared.name.to_owned(), names(&declared.args).map(str::to_owned).collect()));
    }

    pub(super) fn parameters(&mut self, declared: &Macro<'_>) -> Written {
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
    pub(super) fn check_parameters(&mut self, declared: &Macro<'_>) -> Written {
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
}
