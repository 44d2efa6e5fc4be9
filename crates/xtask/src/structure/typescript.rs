//! Which files the files of a TypeScript package import.

use super::cycles::Imports;
use std::collections::BTreeSet;

/// The imports of each file, by relative path; `files` are paths with their texts. Dynamic imports (`import()`) and
/// types count, too: they couple files for a reader.
pub fn imports(files: &[(String, String)]) -> Imports {
    let known: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let of = |(path, text): &(String, String)| {
        let targets = specifiers(text).into_iter().filter_map(|specifier| resolve(path, specifier, &known));
        (path.clone(), targets.filter(|target| target != path).collect())
    };
    files.iter().map(of).collect()
}

/// What follows `from`, `import` or `import(` as a string that begins with a dot.
fn specifiers(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for keyword in ["from", "import"] {
        for (at, _) in text.match_indices(keyword) {
            let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start();
            if line.starts_with("//") || line.starts_with('*') {
                continue;
            }
            let rest = text[at + keyword.len()..].trim_start().trim_start_matches('(').trim_start();
            let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else { continue };
            let specifier = rest[1..].split(quote).next().unwrap_or_default();
            if specifier.starts_with('.') && !specifier.contains('\n') {
                found.push(specifier);
            }
        }
    }
    found
}

/// The file of a specifier: sources write `./x.js` for `x.ts`.
fn resolve(from: &str, specifier: &str, known: &BTreeSet<&str>) -> Option<String> {
    let mut folders: Vec<&str> = from.split('/').collect();
    folders.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => {
                folders.pop()?;
            }
            name => folders.push(name),
        }
    }
    let path = folders.join("/");
    let stem = path.strip_suffix(".js").or_else(|| path.strip_suffix(".ts")).unwrap_or(&path);
    let candidates = [path.clone(), format!("{stem}.ts"), format!("{stem}.d.ts"), format!("{stem}/index.ts")];
    candidates.into_iter().find(|candidate| known.contains(candidate.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_exports_and_late_imports_count() {
        let files = [
            ("src/a.ts", "import { b } from './b.js';\n// import './gone.js'\nimport fs from 'node:fs';"),
            ("src/b.ts", "export * from \"./deep/c.js\";\nimport type { A } from './a.js';"),
            ("src/deep/c.ts", "const late = await import('../b.js');"),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let imports = imports(&files);
        let of = |path: &str| imports[path].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("src/a.ts"), ["src/b.ts"]);
        assert_eq!(of("src/b.ts"), ["src/a.ts", "src/deep/c.ts"]);
        assert_eq!(of("src/deep/c.ts"), ["src/b.ts"]);
    }
}
