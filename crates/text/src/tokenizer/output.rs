//! Collects a text's tokens up to a limit, or only counts them.

/// The tokens of a text.
#[derive(Debug)]
pub(super) struct Output {
    ids: Vec<u32>,
    keeps: bool,
    count: usize,
    most: usize,
    /// Bytes of the text that the tokens cover.
    bytes: usize,
}

impl Output {
    /// Keeps up to `most` tokens.
    pub(super) fn of_at_most(most: usize) -> Self {
        Self { ids: Vec::new(), keeps: true, count: 0, most, bytes: 0 }
    }

    /// Only counts.
    pub(super) fn counter() -> Self {
        Self { ids: Vec::new(), keeps: false, count: 0, most: usize::MAX, bytes: 0 }
    }

    /// Adds a token.
    pub(super) fn push(&mut self, id: u32) {
        self.count += 1;
        if self.keeps && self.count <= self.most {
            self.ids.push(id);
        }
    }

    /// Adds tokens.
    pub(super) fn extend(&mut self, ids: impl IntoIterator<Item = u32>) {
        ids.into_iter().for_each(|id| self.push(id));
    }

    /// Records that the tokens cover this many more bytes. Returns whether more are wanted.
    pub(super) fn took(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.count <= self.most
    }

    /// Number of tokens.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The tokens, or an estimate of their number for a text of `bytes`.
    pub(super) fn finish(self, bytes: usize) -> Result<Vec<u32>, usize> {
        if self.count <= self.most {
            return Ok(self.ids);
        }
        let all = self.count as u128 * bytes.max(self.bytes) as u128 / self.bytes.max(1) as u128;
        Err(usize::try_from(all).unwrap_or(usize::MAX))
    }
}
