//! Makes the modules for engines with and without relaxed SIMD from the compiled module.
//!
//! The compiler does not use relaxed SIMD. The compiled module has both kinds of kernels, and this pass fixes the
//! result of the function that selects one. For relaxed SIMD, calls of the function that emulates the instruction
//! become the instruction. Otherwise nothing calls those kernels, and wasm-opt removes them.

use anyhow::{Result, bail, ensure};
use walrus::ir::{Instr, InstrLocId, TernOp, TernaryOp, VisitorMut, dfs_pre_order_mut};
use walrus::{FunctionBuilder, FunctionId, FunctionKind, Module, ValType};

/// The function in `linnet-cpu` that reports relaxed SIMD.
const ANSWER: &str = "simd::relaxed::available";

/// The function that emulates the instruction.
const DOT: &str = "simd::relaxed::dot";

/// Makes the module use relaxed SIMD, or not.
pub fn settle(module: &mut Module, relaxed: bool) -> Result<()> {
    let answer = named(module, ANSWER)?;
    signature(module, answer, &[], &[ValType::I32])?;
    let mut builder = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
    builder.func_body().i32_const(relaxed.into());
    module.funcs.get_mut(answer).kind = FunctionKind::Local(builder.local_func(vec![]));
    if !relaxed {
        return Ok(());
    }
    let dot = named(module, DOT)?;
    signature(module, dot, &[ValType::V128; 3], &[ValType::V128])?;
    let mut replace = Replace { dot, calls: 0 };
    for (_, function) in module.funcs.iter_local_mut() {
        let entry = function.entry_block();
        dfs_pre_order_mut(&mut replace, function, entry);
    }
    ensure!(replace.calls > 0, "nothing calls {DOT}");
    Ok(())
}

/// The only function of this name.
fn named(module: &Module, name: &str) -> Result<FunctionId> {
    let is = |known: &str| format!("{:#}", rustc_demangle::demangle(known)).contains(name);
    let functions = module.funcs.iter().filter(|function| function.name.as_deref().is_some_and(is));
    let ids: Vec<_> = functions.map(walrus::Function::id).collect();
    let [id] = ids[..] else { bail!("{} functions are named {name}", ids.len()) };
    Ok(id)
}

/// Checks that the compiler has not changed the function's signature.
fn signature(module: &Module, id: FunctionId, params: &[ValType], results: &[ValType]) -> Result<()> {
    let ty = module.types.get(module.funcs.get(id).ty());
    ensure!(
        ty.params() == params && ty.results() == results,
        "{:?} has the unexpected type {ty:?}",
        module.funcs.get(id).name
    );
    Ok(())
}

/// Replaces each call by the instruction.
struct Replace {
    dot: FunctionId,
    calls: usize,
}

impl VisitorMut for Replace {
    fn visit_instr_mut(&mut self, instr: &mut Instr, _: &mut InstrLocId) {
        if matches!(instr, Instr::Call(call) if call.func == self.dot) {
            *instr = TernOp { op: TernaryOp::I32x4RelaxedDotI8x16I7x16AddS }.into();
            self.calls += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::settle;
    use walrus::{FunctionBuilder, Module, ValType};
    use wasmparser::{Validator, WasmFeatures};

    /// A module with both functions (`dot` has `params` parameters) and a caller of them.
    fn module(params: usize) -> Module {
        let mut module = Module::default();
        let mut answer = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
        answer.name("linnet_cpu::simd::relaxed::available::h0123456789abcdef".to_owned());
        answer.func_body().i32_const(7);
        let answer = answer.finish(vec![], &mut module.funcs);
        let locals: Vec<_> = (0..params).map(|_| module.locals.add(ValType::V128)).collect();
        let params = vec![ValType::V128; params];
        let mut dot = FunctionBuilder::new(&mut module.types, &params, &[ValType::V128]);
        dot.name("_ZN10linnet_cpu4simd7relaxed3dot17h0123456789abcdefE".to_owned());
        dot.func_body().local_get(locals[0]);
        let dot = dot.finish(locals.clone(), &mut module.funcs);
        let mut kernel = FunctionBuilder::new(&mut module.types, &params, &[ValType::V128]);
        kernel.func_body().call(answer).drop();
        for &local in &locals {
            kernel.func_body().local_get(local);
        }
        kernel.func_body().call(dot);
        let kernel = kernel.finish(locals, &mut module.funcs);
        module.exports.add("kernel", kernel);
        module
    }

    /// The result of the finished module, and whether it is valid without relaxed SIMD.
    fn settled(relaxed: bool) -> (String, bool) {
        let mut module = module(3);
        settle(&mut module, relaxed).unwrap();
        let (_, answer) = module.funcs.iter_local().next().unwrap();
        let answer = format!("{:?}", answer.block(answer.entry_block()).instrs[0].0);
        let wasm = module.emit_wasm();
        let validate = |features| Validator::new_with_features(features).validate_all(&wasm).is_ok();
        assert!(validate(WasmFeatures::WASM2 | WasmFeatures::RELAXED_SIMD));
        (answer, validate(WasmFeatures::WASM2))
    }

    #[test]
    fn a_module_is_for_one_kind_of_engine() {
        let (answer, plain) = settled(false);
        assert!(answer.contains("I32(0)") && plain, "{answer}");
        let (answer, plain) = settled(true);
        assert!(answer.contains("I32(1)") && !plain, "{answer}");
    }

    #[test]
    fn functions_that_are_missing_or_have_changed_are_refused() {
        assert!(settle(&mut Module::default(), false).is_err());
        assert!(settle(&mut module(3), true).is_ok());
        assert!(settle(&mut module(2), true).is_err());
    }
}
