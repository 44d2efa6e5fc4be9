//! Every kernel variant must be valid WGSL and stay within the limits that every WebGPU device has.

use std::collections::HashSet;
use std::sync::LazyLock;

use linnet_shaders::{Dialect, Kernel, all_kernels};
use naga::AddressSpace;
use naga::front::wgsl;
use naga::valid::{Capabilities, ValidationFlags, Validator};

fn validate(text: &str) -> Result<naga::Module, String> {
    let module = wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    let mut validator = Validator::new(
        ValidationFlags::all(),
        Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16 | Capabilities::SHADER_FLOAT16_IN_FLOAT32,
    );
    validator.validate(&module).map_err(|error| error.emit_to_string(text))?;
    Ok(module)
}

/// Every kernel, compiled once for all tests.
static MODULES: LazyLock<Vec<(Kernel, Result<naga::Module, String>)>> = LazyLock::new(|| {
    all_kernels().into_iter().map(|kernel| (kernel, validate(&kernel.wgsl(Dialect::Naga)))).collect()
});

/// Those that compile.
fn modules() -> impl Iterator<Item = (Kernel, &'static naga::Module)> {
    MODULES.iter().filter_map(|(kernel, module)| Some((*kernel, module.as_ref().ok()?)))
}

#[test]
fn every_variant_is_composed() {
    let errors: Vec<String> = all_kernels()
        .into_iter()
        .filter_map(|kernel| Some(format!("{}: {}", kernel.name(), kernel.compose(Dialect::Naga).err()?)))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn every_variant_compiles() {
    let failure = |(kernel, module): &(Kernel, Result<_, String>)| {
        Some(format!("{}: {}", kernel.name(), module.as_ref().err()?))
    };
    let failures: Vec<String> = MODULES.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_broken_source_is_noticed() {
    let text = Kernel::Add.wgsl(Dialect::Naga);
    assert!(validate(&text).is_ok());
    assert!(validate(&text.replace("a[at]", "c[at]")).is_err());
}

#[test]
fn variants_have_names_of_their_own_and_one_entry_point() {
    let mut names = HashSet::new();
    for (kernel, module) in modules() {
        assert!(names.insert(kernel.name()), "{} twice", kernel.name());
        let entries: Vec<_> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(entries, ["main"], "{}", kernel.name());
    }
}

#[test]
fn variants_bind_at_most_eight_storage_buffers_in_ascending_order() {
    for (kernel, module) in modules() {
        let storage = module
            .global_variables
            .iter()
            .filter(|(_, v)| matches!(v.space, AddressSpace::Storage { .. }))
            .count();
        assert!((1..=8).contains(&storage), "{}: {storage} storage buffers", kernel.name());
        let mut bindings: Vec<u32> = module
            .global_variables
            .iter()
            .filter_map(|(_, v)| v.binding.map(|b| (b.group, b.binding)))
            .map(|(group, binding)| {
                assert_eq!(group, 0);
                binding
            })
            .collect();
        bindings.sort_unstable();
        let expected: Vec<u32> = (0..bindings.len() as u32).collect();
        assert_eq!(bindings, expected, "{}", kernel.name());
    }
}

#[test]
fn only_browsers_get_the_enable_directive() {
    for kernel in all_kernels() {
        let browser = kernel.wgsl(Dialect::Browser).contains("enable subgroups;");
        assert_eq!(browser, kernel.needs_subgroups(), "{}", kernel.name());
        assert!(!kernel.wgsl(Dialect::Naga).contains("enable subgroups"), "{}", kernel.name());
        for dialect in [Dialect::Browser, Dialect::Naga] {
            let half = kernel.wgsl(dialect).contains("enable f16;");
            assert_eq!(half, kernel.needs_f16(), "{}", kernel.name());
        }
    }
}
