//! The structs that the host writes are those of the shaders, as naga reads them.

use std::collections::BTreeSet;
use std::mem::offset_of;

use bytemuck::Zeroable;
use linnet_shaders::{Dialect, all_kernels};
use naga::{AddressSpace, Handle, Module, ScalarKind, Type, TypeInner};

use super::{SamplingParams, Step};

/// A struct as the host writes it.
struct HostStruct {
    name: &'static str,
    size: usize,
    fields: Vec<Field>,
}

struct Field {
    name: &'static str,
    offset: usize,
    size: usize,
    kind: ScalarKind,
}

/// Types of fields: scalars, and arrays of them, which are vectors or arrays in WGSL.
trait FieldType {
    const KIND: ScalarKind;
}

impl FieldType for u32 {
    const KIND: ScalarKind = ScalarKind::Uint;
}

impl FieldType for f32 {
    const KIND: ScalarKind = ScalarKind::Float;
}

impl<T: FieldType, const N: usize> FieldType for [T; N] {
    const KIND: ScalarKind = T::KIND;
}

fn kind_of<T: FieldType>(_: &T) -> ScalarKind {
    T::KIND
}

/// Describes a struct. The pattern has no `..`, so a struct with a field that is not named here does not compile.
macro_rules! host_struct {
    ($type:ident { $($field:ident),* $(,)? }) => {{
        let $type { $($field),* } = $type::zeroed();
        HostStruct {
            name: stringify!($type),
            size: size_of::<$type>(),
            fields: vec![$(Field {
                name: stringify!($field),
                offset: offset_of!($type, $field),
                size: size_of_val(&$field),
                kind: kind_of(&$field),
            }),*],
        }
    }};
}

/// Every struct that the host writes.
fn host_structs() -> Vec<HostStruct> {
    vec![
        host_struct!(Step { before, ended, position, tokens, logits, half }),
        host_struct!(SamplingParams {
            temperature,
            floor,
            top_p,
            top_k,
            frequency,
            presence,
            repetition,
            generated,
            seed,
            stops,
            suppressions,
            stop,
            suppress,
        }),
    ]
}

fn parse(wgsl: &str) -> Module {
    naga::front::wgsl::parse_str(wgsl).expect("valid WGSL")
}

/// The structs in a module's buffers.
fn structs_in_buffers(module: &Module) -> BTreeSet<Handle<Type>> {
    let buffers = module.global_variables.iter().filter(|(_, variable)| {
        matches!(variable.space, AddressSpace::Uniform | AddressSpace::Storage { .. })
    });
    let mut found = BTreeSet::new();
    let mut left: Vec<Handle<Type>> = buffers.map(|(_, variable)| variable.ty).collect();
    while let Some(ty) = left.pop() {
        match &module.types[ty].inner {
            TypeInner::Array { base, .. } => left.push(*base),
            TypeInner::Struct { members, .. } => {
                found.insert(ty);
                left.extend(members.iter().map(|member| member.ty));
            }
            _ => {}
        }
    }
    found
}

/// The kind of the scalars that a type consists of.
fn scalar_kind(module: &Module, ty: Handle<Type>) -> Option<ScalarKind> {
    match &module.types[ty].inner {
        TypeInner::Scalar(scalar) | TypeInner::Vector { scalar, .. } => Some(scalar.kind),
        TypeInner::Array { base, .. } => scalar_kind(module, *base),
        _ => None,
    }
}

/// Where the structs in a module's buffers differ from the host's; the names of compared structs are added to `seen`.
fn differences(module: &Module, host: &[HostStruct], seen: &mut BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for ty in structs_in_buffers(module) {
        let TypeInner::Struct { members, span } = &module.types[ty].inner else { continue };
        let name = module.types[ty].name.clone().unwrap_or_default();
        let Some(host) = host.iter().find(|host| host.name == name) else {
            found.push(format!("{name}: no struct of the host is compared with it"));
            continue;
        };
        if host.size != *span as usize {
            found.push(format!("{name}: {} bytes in Rust, {span} in WGSL", host.size));
        }
        let named = host.fields.iter().filter(|field| !field.name.starts_with('_'));
        let rust: Vec<_> = named.map(|field| (field.name, field.offset, Some(field.kind))).collect();
        let wgsl = members.iter().map(|member| {
            let name = member.name.as_deref().unwrap_or_default();
            (name, member.offset as usize, scalar_kind(module, member.ty))
        });
        let wgsl: Vec<_> = wgsl.collect();
        if rust != wgsl {
            found.push(format!("{name}: {rust:?} in Rust, {wgsl:?} in WGSL"));
        }
        seen.insert(name);
    }
    found
}

#[test]
fn structs_of_the_host_are_those_of_every_shader_variant() {
    let host = host_structs();
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    for kernel in all_kernels() {
        let differences = differences(&parse(&kernel.wgsl(Dialect::Naga)), &host, &mut seen);
        found.extend(differences.into_iter().map(|difference| format!("{}: {difference}", kernel.name())));
    }
    assert!(found.is_empty(), "{found:#?}");
    for HostStruct { name, .. } in &host {
        assert!(seen.contains(*name), "no shader has {name}");
    }
}

#[test]
fn fields_of_the_host_fill_their_structs() {
    for host in host_structs() {
        let end =
            host.fields.iter().try_fold(0, |end, field| (field.offset == end).then_some(end + field.size));
        assert_eq!(end, Some(host.size), "{}", host.name);
    }
}

#[test]
fn a_difference_is_noticed() {
    let step = "struct Step { @size(236) before: u32, ended: u32, position: u32, tokens: u32, logits: u32, half: u32 }
        @group(0) @binding(0) var<storage, read_write> step: Step;";
    let differs = |from: &str, to: &str| {
        let changed = step.replace(from, to);
        assert!(from == to || changed != step, "{from} is not in the struct");
        differences(&parse(&changed), &host_structs(), &mut BTreeSet::new()).join("\n")
    };
    assert_eq!(differs("", ""), "");
    for (what, from, to) in [
        ("a name", "tokens", "rows"),
        ("a type", "logits: u32", "logits: f32"),
        ("an order", "position: u32, tokens: u32", "tokens: u32, position: u32"),
        ("an offset", "@size(236)", "@size(232)"),
        ("a size", "half: u32", "half: u32, more: vec4<u32>"),
    ] {
        assert!(differs(from, to).contains("Step: "), "{what} was not noticed");
    }
    let unknown = "no struct of the host is compared with it";
    assert!(differs("Step", "Other").contains(unknown), "as a buffer");
    assert!(differs(": Step;", ": array<Step>;").is_empty(), "in an array");
    let nested = "half: u32 } struct Outer { inner: array<Step, 2> }";
    assert!(
        differences(
            &parse(&step.replace("half: u32 }", nested).replace(": Step;", ": Outer;")),
            &host_structs(),
            &mut BTreeSet::new()
        )
        .join("\n")
        .contains(unknown),
        "in another struct"
    );
}
