//! A prepared dispatch, fixed except for the number of rows.

use linnet_graph::{BackendError, Rows};

use crate::layout::LONG_CONTEXT;

/// The number of workgroups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Grid {
    /// This many, numbered row by row in a two-dimensional grid, because one dimension is limited.
    Linear(u32),
    /// `x` times `ceil(rows * factor / tile)`.
    Rows {
        /// Workgroups per tile.
        x: u32,
        /// Items per row.
        factor: u32,
        /// Items per tile.
        tile: u32,
    },
}

/// Workgroups per dimension that every WebGPU device supports.
pub(crate) const MAX_WORKGROUPS: u32 = 65_535;

impl Grid {
    /// One workgroup column per row.
    pub fn per_row(x: u32) -> Grid {
        Grid::Rows { x, factor: 1, tile: 1 }
    }

    /// Workgroups in x and y for an activation of `rows` rows.
    pub fn extent(self, rows: u32) -> [u32; 2] {
        match self {
            Grid::Linear(count) => {
                let y = count.div_ceil(MAX_WORKGROUPS);
                [count.div_ceil(y.max(1)), y]
            }
            Grid::Rows { x, factor, tile } => [x, (rows * factor).div_ceil(tile)],
        }
    }

    /// Checks the grid for up to `rows` rows.
    pub fn validate(self, what: &str, rows: u32) -> Result<(), BackendError> {
        let need = self.extent(rows).into_iter().max().unwrap_or_default();
        if need <= MAX_WORKGROUPS {
            return Ok(());
        }
        let limit = "maxComputeWorkgroupsPerDimension";
        Err(BackendError::Limit {
            what: what.to_owned(),
            limit,
            need: need.into(),
            have: MAX_WORKGROUPS.into(),
        })
    }
}

/// The cost of a dispatch that is known in advance.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Cost {
    /// Bytes of weights that it reads.
    pub bytes: f64,
    /// Multiply-accumulates per row.
    pub macs: f64,
}

/// The steps in which a dispatch runs. Rows are the rows of its activations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// Always.
    Always,
    /// There is one row.
    OneRow,
    /// There is one row, and the step is before position [`LONG_CONTEXT`].
    ShortContext,
    /// There is one row, and the step is at position [`LONG_CONTEXT`] or after it.
    LongContext,
    /// There is one row, and the step has one token.
    OneToken,
    /// There is one row, that of the last of several tokens.
    LastToken,
    /// There are several rows.
    ManyRows,
    /// The step has several tokens.
    ManyTokens,
    /// The step samples a token.
    Token,
    /// The tokens of the step come from the host, not from sampling on the device.
    Given,
}

/// The properties of a step that decide which dispatches it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Extent {
    pub position: u32,
    pub tokens: u32,
    pub logits: u32,
    /// The step samples a token.
    pub token: bool,
    /// The tokens come from the host.
    pub given: bool,
}

impl Extent {
    /// Rows of an activation of this kind.
    pub fn rows(self, rows: Rows) -> u32 {
        match rows {
            Rows::Tokens => self.tokens,
            Rows::Logits => self.logits,
        }
    }
}

/// One dispatch of a program.
pub(crate) struct Dispatch {
    /// The name of the kernel, then the name of the part of the model.
    pub label: String,
    pub cost: Cost,
    pub pipeline: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroup,
    pub grid: Grid,
    /// The kind of rows that the grid depends on.
    pub rows: Rows,
    pub when: When,
}

impl Dispatch {
    /// The grid for a step, or `None` if it does not run in that step.
    pub fn extent(&self, step: Extent) -> Option<[u32; 2]> {
        let Extent { position, tokens, token, given, .. } = step;
        let rows = step.rows(self.rows);
        let runs = match self.when {
            When::Always => true,
            When::OneRow => rows == 1,
            When::ShortContext => rows == 1 && position < LONG_CONTEXT,
            When::LongContext => rows == 1 && position >= LONG_CONTEXT,
            When::OneToken => rows == 1 && tokens == 1,
            When::LastToken => rows == 1 && tokens > 1,
            When::ManyRows => rows > 1,
            When::ManyTokens => tokens > 1,
            When::Token => token,
            When::Given => given,
        };
        (runs && rows > 0).then(|| self.grid.extent(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_grid_covers_its_count_within_the_limit() {
        for count in [1, 4, 65_535, 65_536, 262_144, 10_000_000] {
            let [x, y] = Grid::Linear(count).extent(1);
            assert!(x <= MAX_WORKGROUPS && u64::from(x) * u64::from(y) >= u64::from(count), "{count}");
            assert!(u64::from(x) * u64::from(y) < u64::from(count) + u64::from(y), "{count}");
        }
    }

    #[test]
    fn tiles_of_rows_round_up() {
        let grid = Grid::Rows { x: 3, factor: 2, tile: 8 };
        assert_eq!([1, 4, 5].map(|rows| grid.extent(rows)), [[3, 1], [3, 1], [3, 2]]);
        assert!(Grid::per_row(70_000).validate("x", 1).is_err());
    }
}
