//! Which files the files of a crate import.
//!
//! A file imports another one if one of its paths (`crate::`, `self::`, `super::`, or of a child module) refers to an
//! item that is defined there. A re-export (`pub use`) refers to the file of the definition. Declaring a module is not
//! an import, and tests may import anything.

use super::cycles::Imports;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// The imports of each file of a crate; `files` are paths under its `src` with their texts.
pub fn imports(files: &[(String, String)]) -> Result<Imports> {
    let mut modules = BTreeMap::new();
    for (path, text) in files {
        let syntax = syn::parse_file(text).with_context(|| path.clone())?;
        let mut module = Module { file: path, name: module_name(path), ..Module::default() };
        module.scan(&syntax.items);
        modules.insert(module.name.clone(), module);
    }
    let of_tests: Vec<Path> = modules
        .values()
        .flat_map(|module| {
            module.tests.iter().map(|test| [&module.name[..], std::slice::from_ref(test)].concat())
        })
        .collect();
    modules.retain(|name, _| !of_tests.iter().any(|test| name.starts_with(test)));
    let of = |module: &Module<'_>| {
        let targets = module.paths.iter().filter_map(|path| file_of(&modules, path, 0));
        (module.file.to_owned(), targets.filter(|file| file != module.file).collect())
    };
    Ok(modules.values().map(of).collect())
}

type Path = Vec<String>;

/// A file as a module.
#[derive(Default)]
struct Module<'a> {
    file: &'a str,
    name: Path,
    /// The modules within the file that are being read, from the outermost on.
    within: Path,
    /// Modules that it declares.
    children: BTreeSet<String>,
    /// Declared modules that are compiled for tests only.
    tests: BTreeSet<String>,
    /// Where the names that it brings in are, from the root.
    names: BTreeMap<String, Path>,
    /// All paths in it, from the root.
    paths: BTreeSet<Path>,
}

/// `lower/mod.rs` is `lower`, `lower/norm.rs` is `lower::norm`.
fn module_name(path: &str) -> Path {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let mut name: Path = stem.split('/').map(str::to_owned).collect();
    name.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
    name
}

impl Module<'_> {
    fn scan(&mut self, items: &[Item]) {
        for item in items {
            if let Item::Mod(ItemMod { ident, content: None, attrs, .. }) = item {
                let declared =
                    if attrs.iter().any(is_for_tests) { &mut self.tests } else { &mut self.children };
                declared.insert(ident.to_string());
            }
        }
        for item in items {
            self.visit_item(item);
        }
    }

    /// A path from the root, if it is one within the crate.
    fn rooted(&self, path: &[String]) -> Option<Path> {
        let mut from = [&self.name[..], &self.within].concat();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => {
                from.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    from.pop();
                    rest = &rest[1..];
                }
            }
            first if self.within.is_empty() && self.children.contains(first) => {}
            _ => return None,
        }
        from.extend_from_slice(rest);
        Some(from)
    }

    fn use_tree(&mut self, before: &[String], tree: &UseTree) {
        let joined = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.use_tree(&joined(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(before, tree)),
            UseTree::Glob(_) => self.add(before, None),
            UseTree::Name(name) if name.ident == "self" => self.add(before, before.last().cloned()),
            UseTree::Name(name) => self.add(&joined(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(rename) if rename.ident == "self" => {
                self.add(before, Some(rename.rename.to_string()));
            }
            UseTree::Rename(rename) => self.add(&joined(&rename.ident), Some(rename.rename.to_string())),
        }
    }

    fn add(&mut self, path: &[String], name: Option<String>) {
        let Some(path) = self.rooted(path) else { return };
        if let Some(name) = name
            && self.within.is_empty()
        {
            self.names.insert(name, path.clone());
        }
        self.paths.insert(path);
    }
}

impl<'ast> Visit<'ast> for Module<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.within.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.within.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if path.leading_colon.is_none()
            && parts.len() > 1
            && let Some(path) = self.rooted(&parts)
        {
            self.paths.insert(path);
        }
        visit::visit_path(self, path);
    }

    // `pub(in crate::x)` does not use a name.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn is_for_tests(attribute: &Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let condition = list.tokens.to_string();
    let mut words = condition.split(|c: char| !c.is_alphanumeric() && c != '_');
    let either = condition.starts_with("any") || condition.contains("not (test");
    list.path.is_ident("cfg") && words.any(|word| word == "test") && !either
}

/// The most modules that pass a name on to each other; beyond that they do so in a cycle.
const MOST_STEPS: usize = 16;

/// The file in which the end of a path is written.
fn file_of(modules: &BTreeMap<Path, Module<'_>>, path: &[String], steps: usize) -> Option<String> {
    let depth = (0..=path.len()).rev().find(|depth| modules.contains_key(&path[..*depth]))?;
    let module = &modules[&path[..depth]];
    let passed_on = path.get(depth).and_then(|name| module.names.get(name));
    match passed_on {
        Some(target) if steps < MOST_STEPS && target != path => {
            let target = [&target[..], &path[depth + 1..]].concat();
            file_of(modules, &target, steps + 1)
        }
        _ => Some(module.file.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports_of(files: &[(&str, &str)], path: &str) -> Vec<String> {
        let files: Vec<(String, String)> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        imports(&files).expect("Rust")[path].iter().cloned().collect()
    }

    #[test]
    fn a_name_that_is_passed_on_leads_to_where_it_is_written() {
        let files = [
            ("lib.rs", "mod room;\nmod user;\npub use room::Thing;"),
            ("room/mod.rs", "mod inner;\npub use inner::Thing;\npub struct Own;"),
            ("room/inner.rs", "pub struct Thing;"),
            ("user.rs", "use crate::Thing;\nuse crate::room::{Own, Thing as Other};"),
        ];
        assert_eq!(imports_of(&files, "user.rs"), ["room/inner.rs", "room/mod.rs"]);
        assert_eq!(imports_of(&files, "room/mod.rs"), ["room/inner.rs"]);
        assert_eq!(imports_of(&files, "lib.rs"), ["room/inner.rs"]);
    }

    #[test]
    fn paths_in_code_count_and_tests_do_not() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\n#[cfg(test)]\nmod tests;"),
            ("a.rs", "fn f() { super::b::g(); }\n#[cfg(test)]\nmod tests { use crate::c::h; }"),
            ("b.rs", "pub fn g() {}"),
            ("c.rs", "pub fn h() { std::mem::drop(1); }\nmod inner { use super::h; }"),
            ("tests.rs", "use crate::{a::f, c::h};"),
        ];
        assert_eq!(imports_of(&files, "a.rs"), ["b.rs"]);
        assert!(imports_of(&files, "c.rs").is_empty());
        assert!(imports_of(&files, "lib.rs").is_empty());
    }
}
