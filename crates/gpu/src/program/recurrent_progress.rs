//! Which positions the recurrent states of a program belong to.

use linnet_graph::BackendError;

/// Which positions the two halves of the states belong to.
#[derive(Default)]
pub(crate) struct Progress {
    /// Where the last step began.
    start: usize,
    /// Where it ended.
    end: usize,
    /// The half that holds for `start`.
    half: u32,
}

impl Progress {
    /// The half that holds before a step at `position`. Position 0 needs none: the kernels take zeros.
    pub fn step(&mut self, position: usize, tokens: usize) -> Result<u32, BackendError> {
        if position == self.end {
            self.half = 1 - self.half;
        } else if position != self.start && position != 0 {
            return Err(BackendError::Internal(format!(
                "a step at {position}, but the recurrent state is that of {} or {}",
                self.start, self.end
            )));
        }
        (self.start, self.end) = (position, position + tokens);
        Ok(self.half)
    }

    /// It is not known what the states hold: only a beginning makes them good again.
    pub fn lose(&mut self) {
        (self.start, self.end) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn steps_go_on_are_repeated_or_start_again() {
        let mut progress = Progress::default();
        let first = progress.step(0, 5).expect("a beginning");
        let second = progress.step(5, 3).expect("the next step");
        assert_ne!(first, second);
        assert_eq!(progress.step(5, 1), Ok(second), "repeated");
        assert_eq!(progress.step(6, 1), Ok(first), "further from there");
        assert!(progress.step(8, 1).is_err() && progress.step(5, 1).is_err());
        assert!(progress.step(0, 1).is_ok(), "again from the beginning");
    }

    #[test]
    fn states_that_were_lost_begin_again() {
        let mut progress = Progress::default();
        progress.step(0, 5).expect("a beginning");
        progress.lose();
        assert!(progress.step(5, 1).is_err());
        assert!(progress.step(0, 5).is_ok() && progress.step(5, 1).is_ok());
    }
}
