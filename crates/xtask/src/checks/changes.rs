//! What has changed since the last published commit, according to git: paths, and the crates that they belong to.

use crate::machine::process;
use crate::machine::workspace::{Package, Workspace};
use anyhow::Result;
use std::process::Command;

/// Where to look for the last published commit, in this order.
const BASES: [&str; 3] = ["@{upstream}", "origin/main", "main"];
/// A change of one of these affects every crate.
const EVERY_CRATE: [&str; 4] = ["Cargo.toml", "Cargo.lock", ".cargo/", "rust-toolchain.toml"];

/// Paths that differ from a base commit.
#[derive(Debug)]
pub struct Changes {
    /// Relative to the root, with `/`.
    pub paths: Vec<String>,
}

impl Changes {
    /// Everything that differs from the merge base with `base` (by default the branch's upstream, else `main`):
    /// committed, uncommitted and untracked. `None` if nothing differs or git is not available.
    pub fn since(workspace: &Workspace, base: Option<&str>) -> Result<Option<Self>> {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            process::output(git.args(arguments).current_dir(&workspace.root))
        };
        let fork = match base {
            Some(base) => Some(git(&["merge-base", "HEAD", base])?),
            None => BASES.iter().find_map(|base| git(&["merge-base", "HEAD", base]).ok()),
        };
        let Some(fork) = fork else { return Ok(None) };
        let mut paths = git(&["diff", "--name-only", "--no-renames", fork.trim()])?;
        paths.push_str(&git(&["ls-files", "--others", "--exclude-standard"])?);
        let paths: Vec<String> = paths.lines().map(str::to_owned).collect();
        Ok((!paths.is_empty()).then_some(Self { paths }))
    }

    /// Names of the changed crates, and of those that depend on them, directly or not.
    pub fn packages(&self, workspace: &Workspace) -> Result<Vec<String>> {
        Ok(affected(&self.paths, &workspace.packages()?))
    }
}

fn affected(paths: &[String], packages: &[Package]) -> Vec<String> {
    let names =
        |packages: &mut dyn Iterator<Item = &Package>| packages.map(|package| package.name.clone()).collect();
    if paths.iter().any(|path| EVERY_CRATE.iter().any(|prefix| path.starts_with(prefix))) {
        return names(&mut packages.iter());
    }
    // A path belongs to the crate whose folder contains it most closely.
    let owner = |path: &String| {
        let holders = packages.iter().filter(|package| path.starts_with(&package.folder));
        holders.max_by_key(|package| package.folder.len())
    };
    let mut found: Vec<String> = names(&mut paths.iter().filter_map(owner));
    found.sort();
    found.dedup();
    // Breadth first, until there is no new crate.
    let mut at = 0;
    while at < found.len() {
        let used = found[at].clone();
        let users = packages.iter().filter(|package| package.uses.contains(&used));
        for user in users {
            if !found.contains(&user.name) {
                found.push(user.name.clone());
            }
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Package, affected};

    fn packages() -> Vec<Package> {
        let package = |name: &str, folder: &str, uses: &[&str]| Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            uses: uses.iter().map(|&name| name.to_owned()).collect(),
        };
        vec![
            package("quant", "crates/quant/", &[]),
            package("graph", "crates/graph/", &["quant"]),
            package("gpu", "crates/gpu/", &["graph"]),
            package("text", "crates/text/", &[]),
            package("tests", "tests/", &["gpu"]),
            package("fuzz", "tests/fuzz/", &["text"]),
        ]
    }

    fn of(paths: &[&str]) -> Vec<String> {
        affected(&paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>(), &packages())
    }

    #[test]
    fn users_of_a_changed_crate_are_affected_and_others_are_not() {
        assert_eq!(of(&["crates/graph/src/lib.rs"]), ["graph", "gpu", "tests"]);
        assert_eq!(of(&["crates/quant/Cargo.toml"]), ["quant", "graph", "gpu", "tests"]);
        assert_eq!(of(&["README.md", "web/src/index.ts"]), Vec::<String>::new());
    }

    #[test]
    fn a_path_belongs_to_the_deepest_crate_that_holds_it() {
        assert_eq!(of(&["tests/fuzz/targets/gguf.rs"]), ["fuzz"]);
        assert_eq!(of(&["tests/oracle.rs"]), ["tests"]);
    }

    #[test]
    fn a_change_of_the_lock_file_concerns_every_crate() {
        assert_eq!(of(&["Cargo.lock"]).len(), packages().len());
    }
}
