//! Writes the parameters of macros.

use std::collections::HashSet;
use std::rc::Rc;

use minijinja::machinery::ast::{Expr, Macro, Stmt};

use super::expressions::OR;
use super::{NAMED, Writer, Written};

/// The variables of a macro for arguments that it does not declare.
const VARIADIC: [&str; 2] = ["varargs", "kwargs"];

/// Replaces a default that minijinja cannot compute, because it refers to an earlier parameter.
const NOT_GIVEN: &str = "\"\u{fdd2}not given\"";

/// What a macro declares.
pub(super) struct Parameters {
    pub(super) count: usize,
    pub(super) names: HashSet<String>,
}

/// For each parameter, whether its default refers to an earlier one.
pub(super) fn dependent_defaults(declared: &Macro<'_>) -> Vec<bool> {
    let mut earlier = HashSet::new();
    let dependent = |(index, parameter)| {
        let default = default_of(declared, index);
        let depends = default.is_some_and(|default| refers_to(default, &earlier));
        earlier.extend(name(parameter));
        depends
    };
    declared.args.iter().enumerate().map(dependent).collect()
}

/// The default of a parameter.
fn default_of<'a, 's>(declared: &'a Macro<'s>, index: usize) -> Option<&'a Expr<'s>> {
    let plain = declared.args.len() - declared.defaults.len();
    declared.defaults.get(index.checked_sub(plain)?)
}

/// Whether an expression uses one of these variables.
fn refers_to(expression: &Expr<'_>, variables: &HashSet<&str>) -> bool {
    if matches!(expression, Expr::Const(_)) {
        return false;
    }
    let mut writer = Writer::new(usize::MAX);
    writer.expression(expression, OR).is_ok() && words(&writer.out).any(|word| variables.contains(word))
}

/// The name of a parameter.
fn name<'a>(parameter: &Expr<'a>) -> Option<&'a str> {
    match parameter {
        Expr::Var(variable) => Some(variable.id),
        _ => None,
    }
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
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
        let is_used = words(&self.out[body..]).any(|word| VARIADIC.contains(&word));
        let names: HashSet<String> = declared.args.iter().filter_map(name).map(str::to_owned).collect();
        if !is_used || VARIADIC.iter().any(|name| names.contains(*name)) {
            return;
        }
        let checks = VARIADIC.map(|name| format!("{{% set {name} = {name}|{NAMED} %}}")).concat();
        self.out.insert_str(body, &checks);
        let first = if declared.args.is_empty() { "" } else { ", " };
        self.out.insert_str(parameters_end, &format!("{first}varargs=(), kwargs={{}}"));
        let parameters = Parameters { count: declared.args.len(), names };
        self.variadic.entry(declared.name.to_owned()).or_insert(Rc::new(parameters));
    }

    pub(super) fn parameters(&mut self, declared: &Macro<'_>, dependent: &[bool]) -> Written {
        self.push("(");
        for (index, (parameter, dependent)) in declared.args.iter().zip(dependent).enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.target(parameter)?;
            if let Some(default) = default_of(declared, index) {
                self.push("=");
                match dependent {
                    true => self.push(NOT_GIVEN),
                    false => self.expression(default, OR)?,
                }
            }
        }
        self.push(")");
        Ok(())
    }

    /// Checks the arguments at the start of a macro, or of a block passed to one.
    pub(super) fn check_parameters(&mut self, declared: &Macro<'_>, dependent: &[bool]) -> Written {
        for (index, (parameter, dependent)) in declared.args.iter().zip(dependent).enumerate() {
            self.push("{% set ");
            self.target(parameter)?;
            self.push(" = ");
            match default_of(declared, index) {
                Some(default) if *dependent => {
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
                }
                _ => self.named(parameter, NAMED)?,
            }
            self.close();
        }
        Ok(())
    }
}
