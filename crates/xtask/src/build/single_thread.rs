//! Makes the single-threaded module from the multi-threaded one, so both come from one compilation.
//!
//! The compiler runs once, with atomic instructions and a shared memory. A page that is not isolated has no shared
//! memory, and its browser may lack the instructions. This pass replaces each instruction by its plain form, which is
//! equivalent if no other thread uses the memory.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use walrus::ir::{
    AtomicOp, AtomicWidth, BinaryOp, Call, ExtendedLoad, Instr, InstrLocId, InstrSeq, LoadKind, MemArg,
    StoreKind, Visitor, VisitorMut, dfs_in_order, dfs_pre_order_mut,
};
use walrus::{FunctionBuilder, FunctionId, InstrSeqBuilder, MemoryId, Module, ValType};

/// Removes atomic instructions and makes the memory unshared.
pub fn lower(module: &mut Module) -> Result<()> {
    let memory = unshared_memory(module)?;

    let mut wanted = Wanted::default();
    for (_, function) in module.funcs.iter_local() {
        dfs_in_order(&mut wanted, function, function.entry_block());
    }
    let functions = wanted
        .0
        .into_iter()
        .map(|(name, instr)| Ok((name, plain(module, memory, &instr)?)))
        .collect::<Result<_>>()?;
    let mut lower = Lower { functions };
    for (_, function) in module.funcs.iter_local_mut() {
        let entry = function.entry_block();
        dfs_pre_order_mut(&mut lower, function, entry);
    }
    Ok(())
}

/// Makes the memory an unshared one without a size limit. It stays imported, since all modules share wasm-bindgen's
/// glue.
fn unshared_memory(module: &mut Module) -> Result<MemoryId> {
    let memory = module.memories.iter_mut().next().context("the module has no memory")?;
    if !memory.shared {
        bail!("the module was not compiled for threads");
    }
    memory.shared = false;
    memory.maximum = None;
    Ok(memory.id())
}

/// Whether an instruction is replaced by a call, and a name that identifies it.
fn name(instr: &Instr) -> Option<String> {
    match instr {
        Instr::AtomicRmw(i) => Some(format!("atomic {:?} {:?} at {}", i.op, i.width, i.arg.offset)),
        Instr::Cmpxchg(i) => Some(format!("atomic exchange {:?} at {}", i.width, i.arg.offset)),
        Instr::AtomicNotify(_) => Some("atomic notify".to_owned()),
        Instr::AtomicWait(i) => Some(format!("atomic wait, 64 bits: {}", i.sixty_four)),
        _ => None,
    }
}

/// The distinct instructions that need a function.
#[derive(Default)]
struct Wanted(BTreeMap<String, Instr>);

impl<'a> Visitor<'a> for Wanted {
    fn visit_instr(&mut self, instr: &'a Instr, _: &'a InstrLocId) {
        if let Some(name) = name(instr) {
            self.0.entry(name).or_insert_with(|| instr.clone());
        }
    }
}

/// Replaces the instructions.
struct Lower {
    functions: BTreeMap<String, FunctionId>,
}

impl VisitorMut for Lower {
    fn start_instr_seq_mut(&mut self, seq: &mut InstrSeq) {
        seq.instrs.retain(|(instr, _)| !matches!(instr, Instr::AtomicFence(_)));
        for (instr, _) in &mut seq.instrs {
            match instr {
                Instr::Load(load) => load.kind = plain_load(load.kind),
                Instr::Store(store) => store.kind = plain_store(store.kind),
                _ => {
                    let function = name(instr).and_then(|name| self.functions.get(&name));
                    if let Some(&func) = function {
                        *instr = Call { func }.into();
                    }
                }
            }
        }
    }
}

fn plain_load(kind: LoadKind) -> LoadKind {
    let plain = |kind| match kind {
        ExtendedLoad::ZeroExtendAtomic => ExtendedLoad::ZeroExtend,
        other => other,
    };
    match kind {
        LoadKind::I32 { .. } => LoadKind::I32 { atomic: false },
        LoadKind::I64 { .. } => LoadKind::I64 { atomic: false },
        LoadKind::I32_8 { kind } => LoadKind::I32_8 { kind: plain(kind) },
        LoadKind::I32_16 { kind } => LoadKind::I32_16 { kind: plain(kind) },
        LoadKind::I64_8 { kind } => LoadKind::I64_8 { kind: plain(kind) },
        LoadKind::I64_16 { kind } => LoadKind::I64_16 { kind: plain(kind) },
        LoadKind::I64_32 { kind } => LoadKind::I64_32 { kind: plain(kind) },
        LoadKind::F32 | LoadKind::F64 | LoadKind::V128 => kind,
    }
}

fn plain_store(kind: StoreKind) -> StoreKind {
    match kind {
        StoreKind::I32 { .. } => StoreKind::I32 { atomic: false },
        StoreKind::I64 { .. } => StoreKind::I64 { atomic: false },
        StoreKind::I32_8 { .. } => StoreKind::I32_8 { atomic: false },
        StoreKind::I32_16 { .. } => StoreKind::I32_16 { atomic: false },
        StoreKind::I64_8 { .. } => StoreKind::I64_8 { atomic: false },
        StoreKind::I64_16 { .. } => StoreKind::I64_16 { atomic: false },
        StoreKind::I64_32 { .. } => StoreKind::I64_32 { atomic: false },
        StoreKind::F32 | StoreKind::F64 | StoreKind::V128 => kind,
    }
}

/// How a width is loaded and stored, and the type of its arithmetic.
fn access(width: AtomicWidth) -> (LoadKind, StoreKind, ValType) {
    let (atomic, kind) = (false, ExtendedLoad::ZeroExtend);
    match width {
        AtomicWidth::I32 => (LoadKind::I32 { atomic }, StoreKind::I32 { atomic }, ValType::I32),
        AtomicWidth::I32_8 => (LoadKind::I32_8 { kind }, StoreKind::I32_8 { atomic }, ValType::I32),
        AtomicWidth::I32_16 => (LoadKind::I32_16 { kind }, StoreKind::I32_16 { atomic }, ValType::I32),
        AtomicWidth::I64 => (LoadKind::I64 { atomic }, StoreKind::I64 { atomic }, ValType::I64),
        AtomicWidth::I64_8 => (LoadKind::I64_8 { kind }, StoreKind::I64_8 { atomic }, ValType::I64),
        AtomicWidth::I64_16 => (LoadKind::I64_16 { kind }, StoreKind::I64_16 { atomic }, ValType::I64),
        AtomicWidth::I64_32 => (LoadKind::I64_32 { kind }, StoreKind::I64_32 { atomic }, ValType::I64),
    }
}

/// Adds a function that does the instruction's work without other threads. wasm-opt inlines it.
fn plain(module: &mut Module, memory: MemoryId, instr: &Instr) -> Result<FunctionId> {
    use ValType::{I32, I64};
    match instr {
        Instr::AtomicRmw(i) => {
            let (op, (load, store, value)) = (i.op, access(i.width));
            update(module, (memory, load, store, i.arg), &[I32, value], |body, [_, operand, old]| {
                match binary(op, value) {
                    Some(op) => body.local_get(old).local_get(operand).binop(op),
                    None => body.local_get(operand),
                };
            })
        }
        Instr::Cmpxchg(i) => {
            let (load, store, value) = access(i.width);
            let equal = if value == I32 { BinaryOp::I32Eq } else { BinaryOp::I64Eq };
            update(module, (memory, load, store, i.arg), &[I32, value, value], |body, locals| {
                let [expected, new, old] = locals;
                body.local_get(new).local_get(old);
                body.local_get(old).local_get(expected).binop(equal).select(None);
            })
        }
        // Without other threads there is nothing to wake.
        Instr::AtomicNotify(_) => {
            let mut builder = FunctionBuilder::new(&mut module.types, &[I32, I32], &[I32]);
            builder.func_body().i32_const(0);
            let args = [I32, I32].map(|ty| module.locals.add(ty));
            Ok(builder.finish(args.to_vec(), &mut module.funcs))
        }
        // Without other threads nothing would ever end the wait.
        Instr::AtomicWait(i) => {
            let params = [I32, if i.sixty_four { I64 } else { I32 }, I64];
            let mut builder = FunctionBuilder::new(&mut module.types, &params, &[I32]);
            builder.func_body().unreachable();
            let args = params.map(|ty| module.locals.add(ty));
            Ok(builder.finish(args.to_vec(), &mut module.funcs))
        }
        other => bail!("{other:?} is not an atomic instruction"),
    }
}

/// A function `(address, operands..) -> old` that replaces the value at the address by the value that `new` leaves on
/// the stack. `new` gets the last three of the locals address, operands, old value.
fn update(
    module: &mut Module,
    (memory, load, store, arg): (MemoryId, LoadKind, StoreKind, MemArg),
    params: &[ValType],
    new: impl FnOnce(&mut InstrSeqBuilder<'_>, [walrus::LocalId; 3]),
) -> Result<FunctionId> {
    let value = *params.last().context("an update has operands")?;
    let mut locals: Vec<_> = params.iter().map(|&ty| module.locals.add(ty)).collect();
    let args = locals.clone();
    let (address, old) = (args[0], module.locals.add(value));
    locals.push(old);
    let last = *locals.last_chunk().context("an update has operands")?;
    let mut builder = FunctionBuilder::new(&mut module.types, params, &[value]);
    let mut body = builder.func_body();
    body.local_get(address).load(memory, load, arg).local_set(old);
    body.local_get(address);
    new(&mut body, last);
    body.store(memory, store, arg).local_get(old);
    Ok(builder.finish(args, &mut module.funcs))
}

/// The operation on the old value and the operand; `None` if the operand alone is stored.
fn binary(op: AtomicOp, value: ValType) -> Option<BinaryOp> {
    let (narrow, wide) = match op {
        AtomicOp::Add => (BinaryOp::I32Add, BinaryOp::I64Add),
        AtomicOp::Sub => (BinaryOp::I32Sub, BinaryOp::I64Sub),
        AtomicOp::And => (BinaryOp::I32And, BinaryOp::I64And),
        AtomicOp::Or => (BinaryOp::I32Or, BinaryOp::I64Or),
        AtomicOp::Xor => (BinaryOp::I32Xor, BinaryOp::I64Xor),
        AtomicOp::Xchg => return None,
    };
    Some(if value == ValType::I32 { narrow } else { wide })
}
