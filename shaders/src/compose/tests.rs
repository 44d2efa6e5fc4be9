use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const PLAIN: Context<'_> = Context { flags: &[], format: None, second: None };

/// The module of an op with this text.
fn composed(text: &'static str, context: Context<'_>) -> Result<String, String> {
    let mut module = String::new();
    let source = Source { path: "ops/some.wgsl", text };
    compose(&mut module, source, context).map_err(|error| error.to_string())?;
    Ok(module)
}

#[test]
fn flags_choose_lines_and_includes_come_once() {
    let context = Context { flags: &["a"], ..PLAIN };
    let text = composed("#if a\none\n#else\ntwo\n#end\n#if !b\nthree\n#else\nfour\n#end\n", context);
    assert_eq!(text.as_deref(), Ok("one\nthree\n"));
    let nested = "#if a\n#if b\none\n#else\ntwo\n#end\n#else\n#if a\nthree\n#end\n#end\nfour\n";
    assert_eq!(composed(nested, context).as_deref(), Ok("two\nfour\n"));
    let twice =
        composed("#include rows\n#include rows\nvar<private> step: u32;\n", context).expect("composed");
    assert_eq!(twice.matches("fn row_count").count(), 1);
}

#[test]
fn a_format_is_included_under_the_name_of_its_buffer() {
    let context =
        Context { flags: &[], format: Some("decode/k_quants/q4_k"), second: Some("decode/legacy/q8_0") };
    let text = "#include decode/quads\nconst COLS = 1u;\nvar<private> weights: u32;\nvar<private> up: u32;
#include format\n#include format as up\n";
    let text = composed(text, context).expect("composed");
    for name in ["fn weights_pair(", "fn up_pair(", "fn up_k_scale(", "fn up_d(", "(up[index],"] {
        assert!(text.contains(name), "{name} is missing");
    }
    let text = "#include decode/quads\nconst COLS = 1u;\nvar<private> second_weights: u32;
override SECOND_WEIGHTS_SCALES: u32;\n#include second_format as second_weights\n";
    let text = composed(text, context).expect("composed");
    for name in ["fn second_weights_pair(", "(second_weights[SECOND_WEIGHTS_SCALES +"] {
        assert!(text.contains(name), "{name} is missing");
    }
}

#[test]
fn an_unknown_include_is_named_with_its_line() {
    let error = |text| composed(text, PLAIN).expect_err("an error");
    assert_eq!(error("fn f() {}\n#include nothing\n"), "ops/some.wgsl:2: unknown include `nothing`");
    assert_eq!(error("#include nothing as up\n"), "ops/some.wgsl:1: unknown include `nothing`");
    assert_eq!(error("#include format\n"), "ops/some.wgsl:1: the kernel has no such block format");
    assert!(composed("#if a\n#include nothing\n#end\n", PLAIN).is_ok(), "it is not used");
}

#[test]
fn an_unmet_requirement_is_named_with_the_line_that_includes() {
    let error = |text| composed(text, PLAIN).expect_err("an error");
    assert_eq!(
        error("fn f() {}\n#include rows\n"),
        "ops/some.wgsl:2: shared/rows.wgsl requires `step`, which the module neither declares nor includes"
    );
    // If an include lacks something for another, that line of the include is named.
    assert!(
        error("#include decode/float/f16\n").starts_with(
            "shared/decode/float/f16.wgsl:2: shared/decode/float/halves.wgsl requires `weights`"
        )
    );
    let declared = [
        "@group(0) @binding(0) var<uniform> step: Step;",
        "@group(0) @binding(0) var<storage, read_write> step: Step;",
        "var<private> step: u32;",
        "const step = 1u;",
        "override step: u32;",
        "fn step() {}",
        "alias step = u32;",
        "struct step {",
    ];
    for line in declared {
        for text in [format!("#include rows\n{line}\n"), format!("{line}\n#include rows\n")] {
            assert!(composed(text.leak(), PLAIN).is_ok(), "{line}");
        }
    }
    for line in ["    let step = 1u;", "// const step = 1u;", "const steps = 1u;", "fn f(step: u32) {}"] {
        assert!(composed(format!("{line}\n#include rows\n").leak(), PLAIN).is_err(), "{line}");
    }
    // Under another name the buffer must have that name, too.
    let renamed =
        "const COLS = 1u;\n#include decode/quads\nvar<private> weights: u32;\n#include decode/words as up\n";
    assert!(error(renamed).contains("requires `up`"));
    // An include counts as well as a declaration.
    assert!(error("#requires rows\n").starts_with("ops/some.wgsl:1: ops/some.wgsl requires `rows`"));
    assert!(composed("#requires rows\nconst step = 1u;\n#include rows\n", PLAIN).is_ok());
}

#[test]
fn other_faults_of_directives_are_named_with_their_lines() {
    let error = |text| composed(text, PLAIN).expect_err("an error");
    assert_eq!(error("\n#ifdef a\n"), "ops/some.wgsl:2: unknown directive `#ifdef`");
    assert_eq!(error("#end\n"), "ops/some.wgsl:1: there is no `#if` before it");
    assert_eq!(error("#else\n"), "ops/some.wgsl:1: there is no `#if` before it");
    assert_eq!(error("#if a\nfn f() {}\n"), "ops/some.wgsl:2: an `#if` has no `#end`");
}

/// All WGSL files of a folder, as paths in `shaders` without the extension.
fn files(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wgsl") {
                let name = path.strip_prefix(root).expect("inside").with_extension("");
                let name = name.to_str().expect("UTF-8").replace('\\', "/");
                found.push((name, fs::read_to_string(path).expect("a text")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_shared_file_is_listed() {
    let listed: BTreeSet<String> = includes::ALL.iter().map(|(name, _)| format!("shared/{name}")).collect();
    let found: BTreeSet<String> = files("shared").into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, found);
    assert_eq!(includes::ALL.len(), found.len(), "none is listed twice");
}

/// The identifiers in a file that may name something at module scope: not in comments, not after a dot.
fn identifiers(text: &str) -> BTreeSet<&str> {
    let code =
        text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split("//").next().unwrap_or(""));
    let mut found = BTreeSet::new();
    for line in code {
        let mut start = 0;
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        while let Some(at) = line[start..].find(is_part).map(|at| start + at) {
            let end = line[at..].find(|c| !is_part(c)).map_or(line.len(), |len| at + len);
            if !line[..at].ends_with('.') {
                found.insert(&line[at..end]);
            }
            start = end;
        }
    }
    found
}

/// Names of locals, parameters and members in a file.
fn locals(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for line in text.lines().map(|line| line.split("//").next().unwrap_or("")) {
        for piece in line.split([' ', '(', ',', ';']) {
            found.extend(piece.strip_suffix(':'));
        }
        let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_start_matches('(')).collect();
        for pair in words.windows(2).filter(|pair| ["let", "var", "const"].contains(&pair[0])) {
            found.extend((line.starts_with(' ')).then(|| pair[1].trim_end_matches([':', ';'])));
        }
    }
    found
}

/// The names that an include and its own includes declare.
fn provided(name: &str) -> BTreeSet<String> {
    let text = includes::find(name).map_or("", |source| source.text);
    let mut found: BTreeSet<String> = text.lines().filter_map(declared).map(str::to_owned).collect();
    for line in text.lines() {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["#include", name] => found.extend(provided(name)),
            ["#include", name, "as", buffer] => {
                found.extend(provided(name).into_iter().map(|name| name.replace("weights", buffer)));
            }
            _ => {}
        }
    }
    found
}

#[test]
fn includes_require_what_they_use() {
    let all = [files("shared"), files("ops")].concat();
    let known: BTreeSet<&str> = all.iter().flat_map(|(_, text)| text.lines().filter_map(declared)).collect();
    let mut lacking = Vec::new();
    for (name, source) in includes::ALL {
        let required: Vec<&str> =
            source.text.lines().filter_map(|line| line.strip_prefix("#requires ")).collect();
        let required: BTreeSet<&str> = required.iter().flat_map(|names| names.split(", ")).collect();
        let mut there = provided(name);
        for name in &required {
            there.insert((*name).to_owned());
            there.extend(provided(name));
        }
        let used = identifiers(source.text);
        let locals = locals(source.text);
        let open = used.iter().filter(|used| known.contains(*used) && !locals.contains(*used));
        lacking.extend(open.filter(|used| !there.contains(**used)).map(|used| format!("{name} uses {used}")));
        let needless = required.iter().filter(|required| {
            !used.contains(*required) && !provided(required).iter().any(|name| used.contains(name.as_str()))
        });
        lacking.extend(needless.map(|required| format!("{name} does not use {required}")));
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}
