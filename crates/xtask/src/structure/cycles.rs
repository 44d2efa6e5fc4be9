//! Cycles in a graph of files.

use std::collections::{BTreeMap, BTreeSet};

/// Which files each file imports.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// The groups of files that import each other in a cycle, each sorted: the strongly connected components of more than
/// one file (Tarjan, Depth-first search and linear graph algorithms, 1972).
pub fn cycles(imports: &Imports) -> Vec<Vec<String>> {
    let mut search = Search::new(imports);
    for file in imports.keys() {
        if !search.index.contains_key(file.as_str()) {
            search.visit(file);
        }
    }
    search.found.sort();
    search.found
}

struct Search<'a> {
    imports: &'a Imports,
    index: BTreeMap<&'a str, usize>,
    /// The earliest file on the stack that each can reach.
    low: BTreeMap<&'a str, usize>,
    stack: Vec<&'a str>,
    found: Vec<Vec<String>>,
}

impl<'a> Search<'a> {
    fn new(imports: &'a Imports) -> Self {
        Search { imports, index: BTreeMap::new(), low: BTreeMap::new(), stack: Vec::new(), found: Vec::new() }
    }

    fn visit(&mut self, file: &'a str) {
        let own = self.index.len();
        self.index.insert(file, own);
        self.low.insert(file, own);
        self.stack.push(file);
        for next in self.imports.get(file).into_iter().flatten() {
            let reached = match self.index.get(next.as_str()) {
                None => {
                    self.visit(next);
                    self.low[next.as_str()]
                }
                Some(index) if self.stack.contains(&next.as_str()) => *index,
                Some(_) => continue,
            };
            let low = reached.min(self.low[file]);
            self.low.insert(file, low);
        }
        if self.low[file] == own {
            let start = self.stack.iter().position(|other| *other == file).unwrap_or_default();
            let group = self.stack.split_off(start);
            if group.len() > 1 {
                let mut group: Vec<String> = group.into_iter().map(str::to_owned).collect();
                group.sort();
                self.found.push(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&str, &str)]) -> Vec<Vec<String>> {
        let mut imports = Imports::new();
        for (from, to) in edges {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        cycles(&imports)
    }

    #[test]
    fn layers_have_no_cycle() {
        assert!(found(&[("c", "b"), ("b", "a"), ("c", "a"), ("d", "a")]).is_empty());
    }

    #[test]
    fn each_cycle_is_found_once_with_all_its_files() {
        let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("e", "d"), ("f", "a")];
        assert_eq!(found(&edges), [vec!["a", "b", "c"], vec!["d", "e"]]);
    }
}
