//! Checks the structure of the source: no import circles, no crowded folders, no long files or lines.

mod circles;
mod rust;
mod typescript;

use crate::machine::process;
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::process::Command;

/// Crates whose files must not import each other in circles.
const CRATES: [&str; 3] = ["crates/cpu/src/", "crates/gpu/src/", "crates/graph/src/"];
/// TypeScript folders whose files must not import each other in circles, either.
const PACKAGES: [&str; 1] = ["web/src/"];

/// Maximum number of files in a folder.
const MOST_FILES: usize = 15;
/// Maximum number of lines in a file.
const MOST_LINES: usize = 400;
/// Maximum number of columns in a line.
const MOST_COLUMNS: usize = 120;

/// What counts as source.
const SOURCES: [&str; 6] = ["rs", "wgsl", "ts", "mjs", "js", "py"];

/// Fails if the source breaks a limit.
///
/// # Errors
/// All violations, one per line.
pub fn check(workspace: &Workspace) -> Result<()> {
    let listed = process::output(
        Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(&workspace.root),
    )?;
    let mut files = Vec::new();
    for path in listed.lines().filter(|path| is_source(path)) {
        let whole = workspace.root.join(path);
        // A file that was removed may still be listed.
        if whole.is_file() {
            files.push((path.to_owned(), std::fs::read_to_string(&whole).with_context(|| path.to_owned())?));
        }
    }
    files.sort();
    files.dedup();
    let found = [found_circles(&files)?, crowded(&files), long(&files)].concat();
    if found.is_empty() {
        return Ok(());
    }
    bail!("{}\n{} places to fix", found.join("\n"), found.len())
}

fn is_source(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| SOURCES.contains(&extension))
}

/// Groups of files that import each other in a circle.
fn found_circles(files: &[(String, String)]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (roots, imports) in [
        (&CRATES[..], rust::imports as fn(&[(String, String)]) -> Result<circles::Imports>),
        (&PACKAGES[..], |files| Ok(typescript::imports(files))),
    ] {
        for root in roots {
            let inside = |(path, text): &(String, String)| {
                path.strip_prefix(root).map(|path| (path.to_owned(), text.clone()))
            };
            let inside: Vec<(String, String)> = files.iter().filter_map(inside).collect();
            for circle in circles::circles(&imports(&inside)?) {
                found.push(format!("{root}: a circle of imports: {}", circle.join(", ")));
            }
        }
    }
    Ok(found)
}

/// Folders with too many files.
fn crowded(files: &[(String, String)]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, _) in files {
        *counts.entry(path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
    }
    counts.retain(|_, count| *count > MOST_FILES);
    counts
        .into_iter()
        .map(|(folder, count)| format!("{folder}: {count} files, not {MOST_FILES} or fewer"))
        .collect()
}

/// Files with too many lines, or with lines that are too long.
fn long(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        let lines = text.lines().count();
        if lines > MOST_LINES {
            found.push(format!("{path}: {lines} lines, not {MOST_LINES} or fewer"));
        }
        let wide: Vec<usize> = (1..)
            .zip(text.lines())
            .filter(|(_, line)| line.chars().count() > MOST_COLUMNS)
            .map(|(n, _)| n)
            .collect();
        if let Some(first) = wide.first() {
            found.push(format!("{path}:{first}: {} lines of more than {MOST_COLUMNS} columns", wide.len()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn circles_are_found_in_rust_and_typescript() {
        let files = [
            file("crates/gpu/src/lib.rs", "mod a;\nmod b;"),
            file("crates/gpu/src/a.rs", "use crate::b::B;\npub struct A(B);"),
            file("crates/gpu/src/b.rs", "pub struct B(Option<Box<crate::a::A>>);"),
            file("web/src/a.ts", "import './b.js';"),
            file("web/src/b.ts", "import './a.js';"),
        ];
        let found = found_circles(&files).expect("Rust");
        assert_eq!(
            found,
            ["crates/gpu/src/: a circle of imports: a.rs, b.rs", "web/src/: a circle of imports: a.ts, b.ts"]
        );
    }

    #[test]
    fn crowded_folders_are_found() {
        let files = |folder: &str| -> Vec<_> {
            (0..=MOST_FILES).map(|n| file(&format!("{folder}/{n}.rs"), "")).collect()
        };
        assert_eq!(crowded(&files("a/b")), ["a/b: 16 files, not 15 or fewer"]);
        assert!(crowded(&files("a/b")[1..]).is_empty());
    }

    #[test]
    fn long_files_and_lines_are_found() {
        let long_file = file("a.rs", &"\n".repeat(MOST_LINES + 1));
        let wide = file("b.ts", &format!("\n{}\n{}", "é".repeat(MOST_COLUMNS), "é".repeat(MOST_COLUMNS + 1)));
        assert_eq!(
            long(&[long_file, wide]),
            ["a.rs: 401 lines, not 400 or fewer", "b.ts:3: 1 lines of more than 120 columns"]
        );
    }
}
