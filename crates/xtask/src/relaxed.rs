//! Says of a module whether it is for engines with relaxed SIMD: one compilation serves both.
//!
//! The compiler is run once, with kernels of either kind. The one function that tells which to use is given its answer here;
//! where that is no, those that use relaxed SIMD lose their bodies, as nothing enters them. wasm-opt removes what is never
//! reached.

use anyhow::{Result, bail};
use walrus::ir::{Instr, InstrLocId, Visitor, dfs_in_order};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, LocalFunction, Module, ValType};

/// The function that tells, in `linnet-cpu`.
const ANSWER: &str = "simd::relaxed::available";

/// Where relaxed instructions may be: in the kernels and, where the compiler does not inline them, in the functions that the
/// standard library has for them. Elsewhere they would give results that depend on the processor.
const KERNELS: [&str; 2] = ["simd::relaxed::enter", "core_arch::wasm32::relaxed_simd::"];

/// Lets the module use relaxed SIMD, or takes it out.
pub fn settle(module: &mut Module, relaxed: bool) -> Result<()> {
    let (mut answers, mut kernels) = (Vec::new(), Vec::new());
    for (id, function) in module.funcs.iter_local() {
        let name = module.funcs.get(id).name.as_deref().unwrap_or("(no name)");
        let name = format!("{:#}", rustc_demangle::demangle(name));
        if name.contains(ANSWER) {
            answers.push(id);
        }
        let mut found = Found(None);
        dfs_in_order(&mut found, function, function.entry_block());
        match found.0 {
            Some(_) if KERNELS.iter().any(|kernel| name.contains(kernel)) => kernels.push(id),
            Some(what) => bail!("{name} has {what}, which is for kernels of relaxed SIMD only"),
            None => {}
        }
    }
    let [answer] = answers[..] else { bail!("{} functions are named {ANSWER}", answers.len()) };
    replace(module, answer, |body| {
        body.i32_const(relaxed.into());
    })?;
    if !relaxed {
        for kernel in kernels {
            replace(module, kernel, |body| {
                body.unreachable();
            })?;
        }
    }
    Ok(())
}

/// A relaxed instruction, in words.
struct Found(Option<String>);

impl<'a> Visitor<'a> for Found {
    fn visit_instr(&mut self, instr: &'a Instr, _: &'a InstrLocId) {
        let name = match instr {
            Instr::Unop(i) => format!("{:?}", i.op),
            Instr::Binop(i) => format!("{:?}", i.op),
            Instr::TernOp(i) => format!("{:?}", i.op),
            _ => return,
        };
        if name.contains("Relaxed") {
            self.0 = Some(name);
        }
    }
}

/// Gives a function another body.
fn replace(
    module: &mut Module,
    id: FunctionId,
    body: impl FnOnce(&mut walrus::InstrSeqBuilder<'_>),
) -> Result<()> {
    let ty = module.types.get(module.funcs.get(id).ty());
    let (params, results): (Vec<ValType>, Vec<ValType>) = (ty.params().to_vec(), ty.results().to_vec());
    let mut builder = FunctionBuilder::new(&mut module.types, &params, &results);
    body(&mut builder.func_body());
    let locals = params.into_iter().map(|ty| module.locals.add(ty)).collect();
    let function: LocalFunction = builder.local_func(locals);
    module.funcs.get_mut(id).kind = FunctionKind::Local(function);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::settle;
    use walrus::ir::{BinaryOp, Value};
    use walrus::{FunctionBuilder, Module, ValType};
    use wasmparser::{Validator, WasmFeatures};

    /// A module with the function that is asked, and one named `kernel` with a relaxed instruction.
    fn module(kernel: &str) -> Module {
        let mut module = Module::default();
        let mut answer = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
        answer.name("linnet_cpu::simd::relaxed::available::h0123456789abcdef".to_owned());
        answer.func_body().i32_const(7);
        let answer = answer.finish(vec![], &mut module.funcs);
        module.exports.add("available", answer);
        let mut dot = FunctionBuilder::new(&mut module.types, &[ValType::V128], &[ValType::V128]);
        dot.name(kernel.to_owned());
        let zero = module.locals.add(ValType::V128);
        dot.func_body().local_get(zero).const_(Value::V128(0)).binop(BinaryOp::I16x8RelaxedDotI8x16I7x16S);
        let dot = dot.finish(vec![zero], &mut module.funcs);
        module.exports.add("dot", dot);
        module
    }

    const KERNEL: &str = "linnet_cpu::simd::relaxed::enter::h0123456789abcdef";

    /// What the settled module answers, and whether an engine without relaxed SIMD takes it.
    fn settled(relaxed: bool) -> (String, bool) {
        let mut module = module(KERNEL);
        settle(&mut module, relaxed).unwrap();
        let (_, answer) = module.funcs.iter_local().next().unwrap();
        let answer = format!("{:?}", answer.block(answer.entry_block()).instrs[0].0);
        let plain = Validator::new_with_features(WasmFeatures::WASM2).validate_all(&module.emit_wasm());
        (answer, plain.is_ok())
    }

    #[test]
    fn a_module_answers_what_it_is_for() {
        let (answer, plain) = settled(false);
        assert!(answer.contains("I32(0)") && plain, "{answer}");
        let (answer, plain) = settled(true);
        assert!(answer.contains("I32(1)") && !plain, "{answer}");
    }

    #[test]
    fn relaxed_instructions_elsewhere_are_refused() {
        for relaxed in [false, true] {
            let error = settle(&mut module("linnet_cpu::kernels::rows"), relaxed).unwrap_err().to_string();
            assert!(error.contains("kernels::rows has I16x8RelaxedDot"), "{error}");
        }
    }

    #[test]
    fn a_module_without_the_question_is_refused() {
        assert!(settle(&mut Module::default(), false).is_err());
    }
}
