//! Writes calls and their arguments.

use std::fmt::Write;

use minijinja::machinery::ast::{Call, CallArg, CallType, Expr};

use super::expressions::{OR, TERNARY};
use super::macros::Parameters;
use super::{KEY, RECURSED, SOME, Writer, Written, refused};

impl Writer {
    pub(super) fn call(&mut self, call: &Call<'_>) -> Written {
        let method = match call.identify_call() {
            CallType::Method(_, name) => name,
            CallType::Function("loop") => {
                // The items of a recursive loop.
                self.push("loop");
                return self.arguments(&call.args, Some(RECURSED));
            }
            CallType::Function(name) => {
                if let Some(parameters) = self.variadic.get(name).cloned() {
                    self.push(name);
                    return self.variadic_arguments(&call.args, &parameters);
                }
                ""
            }
            _ => "",
        };
        match &call.expr {
            Expr::GetAttr(attribute) => self.attribute(attribute)?,
            called => self.base(called)?,
        }
        match method {
            // minijinja computes the index modulo the number of items here.
            "cycle" => match call.args.first() {
                Some(CallArg::Pos(_)) => self.arguments(&call.args, None),
                Some(CallArg::PosSplat(_)) => self.arguments(&call.args, Some(SOME)),
                _ => Err(refused("cycle() needs an item", Some(call.expr.span().start_line.into()))),
            },
            // `changed` compares its arguments with the previous ones.
            "changed" => self.arguments(&call.args, Some(KEY)),
            _ => self.arguments(&call.args, None),
        }
    }

    /// Writes the arguments of a macro so that those without a parameter are in `varargs` and `kwargs`.
    fn variadic_arguments(&mut self, args: &[CallArg<'_>], parameters: &Parameters) -> Written {
        let splat = |arg: &CallArg<'_>| matches!(arg, CallArg::PosSplat(_) | CallArg::KwargSplat(_));
        if args.iter().any(splat) {
            return Err(refused("a macro with varargs or kwargs takes no *list or **map", None));
        }
        let place = args.iter().filter(|arg| matches!(arg, CallArg::Pos(_))).count();
        let (by_place, by_name) = args.split_at(place);
        let (declared, others) = by_place.split_at(place.min(parameters.count));
        self.push("(");
        for arg in declared {
            self.argument(arg, None)?;
            self.push(", ");
        }
        let is_declared = |arg: &&CallArg<'_>| match arg {
            CallArg::Kwarg(name, _) => parameters.names.contains(*name),
            _ => false,
        };
        for arg in by_name.iter().filter(is_declared) {
            self.argument(arg, None)?;
            self.push(", ");
        }
        self.push("varargs=(");
        for arg in others {
            self.argument(arg, None)?;
            self.push(", ");
        }
        self.push("), kwargs={");
        for arg in by_name.iter().filter(|arg| !is_declared(arg)) {
            if let CallArg::Kwarg(name, value) = arg {
                // Writing to a string cannot fail.
                let _ = write!(self.out, "'{name}': ");
                self.expression(value, TERNARY)?;
                self.push(", ");
            }
        }
        self.push("})");
        Ok(())
    }

    pub(super) fn arguments(&mut self, args: &[CallArg<'_>], filter: Option<&str>) -> Written {
        self.push("(");
        for (index, arg) in args.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.argument(arg, filter)?;
        }
        self.push(")");
        Ok(())
    }

    fn argument(&mut self, arg: &CallArg<'_>, filter: Option<&str>) -> Written {
        let value = match arg {
            CallArg::Pos(value) => value,
            CallArg::Kwarg(name, value) => {
                self.push(name);
                self.push("=");
                value
            }
            CallArg::PosSplat(value) => {
                self.push("*");
                value
            }
            CallArg::KwargSplat(value) => {
                self.push("**");
                value
            }
        };
        match filter {
            Some(filter) => self.filtered(value, filter),
            None => self.expression(value, OR),
        }
    }
}
