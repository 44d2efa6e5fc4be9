//! Merges neighbours, best pair first: shared by all kinds of byte-pair encoding.
//!
//! A long text is merged in windows, with the same result as merging it whole. Text after a window can only
//! affect it through a merge across the window's end, so the end moves back until no token of the vocabulary
//! could cross it; the rest of the window is final.

use std::collections::BinaryHeap;

/// A piece of text that is, or may become, one token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    /// Its start in the text, in bytes.
    pub(super) start: usize,
    /// Its length; 0 once it is merged into its left neighbour.
    pub(super) len: usize,
    /// Its token, if it has one.
    pub(super) id: Option<u32>,
    prev: usize,
    next: usize,
}

/// Work limit in bytes of possible tokens per byte of a window, for finding out what later text could change.
/// A vocabulary of words takes one or two; one with many long overlapping tokens would take the square of the
/// window.
const LOOKS: usize = 64;

/// No neighbour on this side.
const NONE: usize = usize::MAX;

/// Two neighbours that can be merged. The best goes first; of equals, the leftmost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Pair {
    priority: i64,
    left: std::cmp::Reverse<usize>,
    right: usize,
    /// Length of both when the pair was found; if it is unchanged, the pair is still valid.
    len: usize,
    id: u32,
}

/// A text and its possible merges.
pub(super) trait Joins {
    /// Length of the text in bytes.
    fn len(&self) -> usize;

    /// The smallest unit of the text at `start`: its length and its token.
    fn unit(&self, start: usize) -> (usize, Option<u32>);

    /// The token spelled by the `len` bytes from `start` on.
    fn token(&self, start: usize, len: usize) -> Option<u32>;

    /// The priority of a merge, and its token.
    fn join(&self, left: &Symbol, right: &Symbol) -> Option<(i64, u32)>;
}

/// The symbols of a text; reused between words for their allocations.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    symbols: Vec<Symbol>,
    pairs: BinaryHeap<Pair>,
    /// The symbols that the following text may start with.
    ahead: Vec<Symbol>,
}

impl Symbols {
    /// Merges the whole `text`.
    pub(super) fn merge(&mut self, text: &impl Joins) {
        self.fill(text, text.len());
        self.join_all(text, None);
    }

    /// Merges `text`, which more text follows, and returns how many of its bytes are final; the symbols cover
    /// these bytes. `lengths` are the lengths of all tokens, ascending.
    pub(super) fn merge_window(&mut self, text: &impl Joins, lengths: &[usize]) -> usize {
        self.fill(text, seen_whole(text, lengths));
        self.join_all(text, Some(lengths))
    }

    /// Merges the part of `text` that [`Symbols::merge_window`] considers, as if the text ended there.
    pub(super) fn merge_cut(&mut self, text: &impl Joins, lengths: &[usize]) -> usize {
        self.fill(text, seen_whole(text, lengths).max(1));
        self.join_all(text, None)
    }

    /// Adds the units of `text` that start before `end`.
    fn fill(&mut self, text: &impl Joins, end: usize) {
        self.symbols.clear();
        let mut start = 0;
        while start < end {
            let (len, id) = text.unit(start);
            let index = self.symbols.len();
            self.symbols.push(Symbol { start, len, id, prev: index.wrapping_sub(1), next: index + 1 });
            start += len.max(1);
        }
        if let Some(last) = self.symbols.last_mut() {
            last.next = NONE;
        }
    }

    /// Merges neighbours until no pair can be merged. With `lengths`, drops the last symbols that later text could
    /// change. Returns the end of the symbols, or 0 if finding it took too much work.
    fn join_all(&mut self, text: &impl Joins, lengths: Option<&[usize]>) -> usize {
        let Self { symbols, pairs, ahead } = self;
        pairs.clear();
        let pair = |symbols: &[Symbol], left: usize, right: usize| {
            let (a, b) = (symbols.get(left)?, symbols.get(right)?);
            let (priority, id) = text.join(a, b)?;
            Some(Pair { priority, left: std::cmp::Reverse(left), right, len: a.len + b.len, id })
        };
        for right in 1..symbols.len() {
            pairs.extend(pair(symbols, right - 1, right));
        }
        let mut last = symbols.len().wrapping_sub(1);
        let mut end = symbols.last().map_or(0, |last| last.start + last.len);
        let mut work = LOOKS.saturating_mul(text.len());
        if let Some(lengths) = lengths
            && !look_ahead(text, end, lengths, ahead, &mut work)
        {
            return 0;
        }
        // The best merge of the last symbol with what follows; `None` if it is not known yet.
        let mut crossing: Option<Option<i64>> = None;
        loop {
            let next = loop {
                match pairs.peek() {
                    Some(pair) if !is_current(symbols, pair) => _ = pairs.pop(),
                    other => break other.copied(),
                }
            };
            if let (Some(lengths), Some(symbol)) = (lengths, symbols.get_mut(last)) {
                let best = match crossing {
                    Some(best) => best,
                    None => {
                        let bytes = ahead.iter().map(|next| symbol.len + next.len).sum();
                        let Some(left) = work.checked_sub(bytes) else { return 0 };
                        work = left;
                        let joins = ahead.iter().filter_map(|next| text.join(symbol, next));
                        *crossing.insert(joins.map(|(priority, _)| priority).max())
                    }
                };
                // On a tie, the left merge comes first, which is this one.
                if best.is_some_and(|best| next.is_none_or(|next| best > next.priority)) {
                    end = symbol.start;
                    symbol.len = 0;
                    last = symbol.prev;
                    if let Some(symbol) = symbols.get_mut(last) {
                        symbol.next = NONE;
                    }
                    if !look_ahead(text, end, lengths, ahead, &mut work) {
                        return 0;
                    }
                    crossing = None;
                    continue;
                }
            }
            let Some(Pair { left: std::cmp::Reverse(left), right, len, id, .. }) = next else { break };
            pairs.pop();
            let (a, b) = (symbols[left], symbols[right]);
            symbols[left] = Symbol { len, id: Some(id), next: b.next, ..a };
            symbols[right].len = 0;
            if right == last {
                last = left;
                crossing = None;
            }
            if b.next != NONE {
                symbols[b.next].prev = left;
                pairs.extend(pair(symbols, left, b.next));
            }
            if a.prev != NONE {
                pairs.extend(pair(symbols, a.prev, left));
            }
        }
        end
    }

    /// The remaining symbols in order.
    pub(super) fn remaining(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|symbol| symbol.len > 0)
    }
}

/// Symbols that start before this are followed by enough text to see every token there.
fn seen_whole(text: &impl Joins, lengths: &[usize]) -> usize {
    text.len().saturating_sub(lengths.last().copied().unwrap_or(0) + char::MAX.len_utf8())
}

/// Whether both symbols are unchanged since the pair was found.
fn is_current(symbols: &[Symbol], pair: &Pair) -> bool {
    let (a, b) = (symbols[pair.left.0], symbols[pair.right]);
    a.len > 0 && b.len > 0 && a.len + b.len == pair.len
}

/// Collects all symbols that the text from `start` on may begin with: its first unit and every token. Returns
/// false if the work exceeds `work`.
fn look_ahead(
    text: &impl Joins,
    start: usize,
    lengths: &[usize],
    ahead: &mut Vec<Symbol>,
    work: &mut usize,
) -> bool {
    ahead.clear();
    if start >= text.len() {
        return true;
    }
    let Some(left) = work.checked_sub(lengths.iter().sum()) else { return false };
    *work = left;
    let (unit, id) = text.unit(start);
    let symbol = |len, id| Symbol { start, len, id, prev: NONE, next: NONE };
    ahead.push(symbol(unit, id));
    for &len in lengths.iter().filter(|&&len| len > unit && start + len <= text.len()) {
        if let Some(id) = text.token(start, len) {
            ahead.push(symbol(len, Some(id)));
        }
    }
    true
}

/// How much text is merged at a time.
#[derive(Clone, Debug)]
pub(super) struct Windows {
    /// Initial window length in bytes.
    least: usize,
    /// The window grows up to this length if less than half of it is final.
    most: usize,
    /// Lengths of all tokens, ascending.
    lengths: Vec<usize>,
}

impl Windows {
    /// Window length in bytes: its symbols and pairs take about 100 times as much.
    const LEAST: usize = 16 << 10;
    /// A chain of merges in which each waits for the next one needs as many different pairs as it has links.
    /// No vocabulary of words has one this long, so it is cut.
    const MOST: usize = 256 << 10;

    /// Sets the window for tokens of these lengths.
    pub(super) fn new(lengths: impl Iterator<Item = usize>) -> Self {
        let lengths: Vec<usize> = std::collections::BTreeSet::from_iter(lengths).into_iter().collect();
        let longest = lengths.last().copied().unwrap_or(1);
        Self { least: Self::LEAST.max(8 * longest), most: Self::MOST.max(8 * longest), lengths }
    }

    /// Short windows, so that a test's texts have several.
    #[cfg(test)]
    pub(super) fn shortened(&mut self) {
        self.least = 2 * self.lengths.last().copied().unwrap_or(1);
    }

    /// The length of the longest token.
    pub(super) fn longest(&self) -> usize {
        self.lengths.last().copied().unwrap_or(0)
    }

    /// The length of the first window in bytes.
    pub(super) fn least(&self) -> usize {
        self.least
    }

    /// Merges a window; `more` says whether text follows. Returns how many bytes the symbols cover, or the
    /// length that the window needs instead.
    pub(super) fn merge(
        &self,
        symbols: &mut Symbols,
        text: &impl Joins,
        more: bool,
    ) -> std::ops::ControlFlow<usize, usize> {
        use std::ops::ControlFlow::{Break, Continue};
        if !more {
            symbols.merge(text);
            return Continue(text.len());
        }
        let end = symbols.merge_window(text, &self.lengths);
        if end > 0 && 2 * end >= text.len().saturating_sub(self.longest()) {
            return Continue(end);
        }
        if text.len() < self.most {
            return Break((2 * text.len()).min(self.most));
        }
        Continue(symbols.merge_cut(text, &self.lengths))
    }
}
