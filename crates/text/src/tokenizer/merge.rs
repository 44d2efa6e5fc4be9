//! Joining neighbours, best pair first: what all kinds of byte-pair encoding have in common.

use std::collections::BinaryHeap;

/// A run of text that is, or may become, one token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    /// Where it begins in the text, in bytes.
    pub(super) start: usize,
    /// Its length; 0 once its left neighbour has taken it in.
    pub(super) len: usize,
    /// Its token, if it is one.
    pub(super) id: Option<u32>,
    prev: usize,
    next: usize,
}

/// No neighbour on this side.
const NONE: usize = usize::MAX;

/// Two neighbours that can be joined. The greatest is joined first: of the best the leftmost.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Pair {
    priority: i64,
    left: std::cmp::Reverse<usize>,
    right: usize,
    /// Bytes of both when this was found; they are still what was found if they still have this many.
    len: usize,
    id: u32,
}

/// The symbols of a text; kept from word to word for its allocations.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Pair>,
}

impl Symbols {
    /// Begins anew with the parts of a text: the length and the token of each.
    pub(super) fn fill(&mut self, parts: impl Iterator<Item = (usize, Option<u32>)>) {
        self.symbols.clear();
        let mut start = 0;
        for (index, (len, id)) in parts.enumerate() {
            self.symbols.push(Symbol { start, len, id, prev: index.wrapping_sub(1), next: index + 1 });
            start += len;
        }
        if let Some(last) = self.symbols.last_mut() {
            last.next = NONE;
        }
    }

    /// Joins neighbours until none are left that can be; `join` tells the priority of a join and the token it makes.
    pub(super) fn merge(&mut self, join: impl Fn(&Symbol, &Symbol) -> Option<(i64, u32)>) {
        let Self { symbols, pairs } = self;
        pairs.clear();
        let pair = |symbols: &[Symbol], left: usize, right: usize| {
            let (a, b) = (symbols.get(left)?, symbols.get(right)?);
            let (priority, id) = join(a, b)?;
            Some(Pair { priority, left: std::cmp::Reverse(left), right, len: a.len + b.len, id })
        };
        for right in 1..symbols.len() {
            pairs.extend(pair(symbols, right - 1, right));
        }
        while let Some(Pair { left: std::cmp::Reverse(left), right, len, id, .. }) = pairs.pop() {
            let (a, b) = (symbols[left], symbols[right]);
            if a.len == 0 || b.len == 0 || a.len + b.len != len {
                continue;
            }
            symbols[left] = Symbol { len, id: Some(id), next: b.next, ..a };
            symbols[right].len = 0;
            if b.next != NONE {
                symbols[b.next].prev = left;
                pairs.extend(pair(symbols, left, b.next));
            }
            if a.prev != NONE {
                pairs.extend(pair(symbols, a.prev, left));
            }
        }
    }

    /// What is left, in order.
    pub(super) fn remaining(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }
}
