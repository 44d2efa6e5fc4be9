//! Where a text's tokens go: a limited number of them is wanted, or only their count.

/// Takes the tokens of a text.
#[derive(Debug)]
pub(super) struct Output {
    ids: Vec<u32>,
    keeps: bool,
    count: usize,
    most: usize,
    /// Bytes of the text that the tokens are of.
    bytes: usize,
}

impl Output {
    /// Keeps up to `most` tokens.
    pub(super) fn of_at_most(most: usize) -> Self {
        Self { ids: Vec::new(), keeps: true, count: 0, most, bytes: 0 }
    }

    /// Counts only.
    pub(super) fn counter() -> Self {
        Self { ids: Vec::new(), keeps: false, count: 0, most: usize::MAX, bytes: 0 }
    }

    /// Takes a token.
    pub(super) fn push(&mut self, id: u32) {
        self.count += 1;
        if self.keeps && self.count <= self.most {
            self.ids.push(id);
        }
    }

    /// Takes tokens.
    pub(super) fn extend(&mut self, ids: impl IntoIterator<Item = u32>) {
        ids.into_iter().for_each(|id| self.push(id));
    }

    /// Notes that the tokens of this many more bytes are there. Returns whether more are wanted.
    pub(super) fn took(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.count <= self.most
    }

    /// How many tokens there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The tokens, or about how many they would be of a text of `bytes`.
    pub(super) fn finish(self, bytes: usize) -> Result<Vec<u32>, usize> {
        if self.count <= self.most {
            return Ok(self.ids);
        }
        let all = self.count as u128 * bytes.max(self.bytes) as u128 / self.bytes.max(1) as u128;
        Err(usize::try_from(all).unwrap_or(usize::MAX))
    }
}
