//! Checks the structure of the source: no import cycles, no crowded folders, no long files, no wide lines.

mod cycles;
mod rust;
mod typescript;

use crate::machine::process;
use crate::machine::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::process::Command;

/// Crates whose files must not import each other in a cycle.
const CRATES: [&str; 3] = ["crates/cpu/src/", "crates/gpu/src/", "crates/graph/src/"];
/// TypeScript folders whose files must not import each other in a cycle, either.
const PACKAGES: [&str; 1] = ["web/src/"];

/// Maximum number of files in a folder.
const MOST_FILES: usize = 15;
/// Maximum number of lines in a file.
const MOST_LINES: usize = 400;
/// Maximum number of columns in a line.
const MOST_COLUMNS: usize = 120;

/// What counts as source.
const SOURCES: [&str; 6] = ["rs", "wgsl", "ts", "mjs", "js", "py"];
/// Other files whose lines have the same maximum width.
const TEXTS: [&str; 3] = ["md", "html", "css"];

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
    for path in listed.lines().filter(|path| has_extension(path, &SOURCES) || has_extension(path, &TEXTS)) {
        let whole = workspace.root.join(path);
        // A file that was removed may still be listed.
        if whole.is_file() {
            files.push((path.to_owned(), std::fs::read_to_string(&whole).with_context(|| path.to_owned())?));
        }
    }
    files.sort();
    files.dedup();
    let too_wide = wide(&files);
    files.retain(|(path, _)| has_extension(path, &SOURCES));
    let found = [import_cycles(&files)?, crowded(&files), long(&files), too_wide].concat();
    if found.is_empty() {
        return Ok(());
    }
    bail!("{}\n{} places to fix", found.join("\n"), found.len())
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

/// Groups of files that import each other in a cycle.
fn import_cycles(files: &[(String, String)]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (roots, imports) in [
        (&CRATES[..], rust::imports as fn(&[(String, String)]) -> Result<cycles::Imports>),
        (&PACKAGES[..], |files| Ok(typescript::imports(files))),
    ] {
        for root in roots {
            let inside = |(path, text): &(String, String)| {
                path.strip_prefix(root).map(|path| (path.to_owned(), text.clone()))
            };
            let inside: Vec<(String, String)> = files.iter().filter_map(inside).collect();
            for cycle in cycles::cycles(&imports(&inside)?) {
                found.push(format!("{root}: an import cycle: {}", cycle.join(", ")));
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
        .map(|(folder, count)| format!("{folder} has {count} files; at most {MOST_FILES} are allowed"))
        .collect()
}

/// Files with too many lines.
fn long(files: &[(String, String)]) -> Vec<String> {
    let counts = files.iter().map(|(path, text)| (path, text.lines().count()));
    counts
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(path, lines)| format!("{path} has {lines} lines; at most {MOST_LINES} are allowed"))
        .collect()
}

/// Files with lines that are too wide.
fn wide(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files {
        let wide: Vec<usize> = (1..)
            .zip(text.lines())
            .filter(|(_, line)| line.chars().count() > MOST_COLUMNS && can_be_wrapped(path, line))
            .map(|(n, _)| n)
            .collect();
        if let Some(first) = wide.first() {
            found.push(format!("{path}:{first}: {} lines of more than {MOST_COLUMNS} columns", wide.len()));
        }
    }
    found
}

/// In Markdown, the row of a table and an address are one line.
fn can_be_wrapped(path: &str, line: &str) -> bool {
    !path.ends_with(".md") || !line.starts_with('|') && !line.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> (String, String) {
        (path.to_owned(), text.to_owned())
    }

    #[test]
    fn cycles_are_found_in_rust_and_typescript() {
        let files = [
            file("crates/gpu/src/lib.rs", "mod a;\nmod b;"),
            file("crates/gpu/src/a.rs", "use crate::b::B;\npub struct A(B);"),
            file("crates/gpu/src/b.rs", "pub struct B(Option<Box<crate::a::A>>);"),
            file("web/src/a.ts", "import './b.js';"),
            file("web/src/b.ts", "import './a.js';"),
        ];
        let found = import_cycles(&files).expect("Rust");
        assert_eq!(
            found,
            ["crates/gpu/src/: an import cycle: a.rs, b.rs", "web/src/: an import cycle: a.ts, b.ts"]
        );
    }

    #[test]
    fn crowded_folders_are_found() {
        let files = |folder: &str| -> Vec<_> {
            (0..=MOST_FILES).map(|n| file(&format!("{folder}/{n}.rs"), "")).collect()
        };
        assert_eq!(crowded(&files("a/b")), ["a/b has 16 files; at most 15 are allowed"]);
        assert!(crowded(&files("a/b")[1..]).is_empty());
    }

    #[test]
    fn long_files_are_found() {
        let files = |lines: usize| [file("a.rs", &"\n".repeat(lines))];
        assert_eq!(long(&files(MOST_LINES + 1)), ["a.rs has 401 lines; at most 400 are allowed"]);
        assert!(long(&files(MOST_LINES)).is_empty());
    }

    #[test]
    fn wide_lines_are_found() {
        let widest = "é".repeat(MOST_COLUMNS);
        let text = format!("\n{widest}\n{widest}é");
        let files = ["a.ts", "a.md", "a.html"].map(|path| file(path, &text));
        let lines = "1 lines of more than 120 columns";
        assert_eq!(wide(&files), ["a.ts", "a.md", "a.html"].map(|path| format!("{path}:3: {lines}")));
        let whole = ["| ", "[a](https://"].map(|start| file("a.md", &format!("{start}{widest}")));
        assert!(wide(&whole).is_empty());
    }
}
