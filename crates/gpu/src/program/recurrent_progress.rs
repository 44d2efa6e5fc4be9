//! Which positions the recurrent states of a program belong to.

use linnet_graph::BackendError;

/// Which positions the two halves of the states belong to.
#[derive(Default)]
pub(crate) struct Progress {
    /// Position of the first token of the last step.
    start: usize,
    /// Position after its last token.
    end: usize,
    /// The half with the state at `start`.
    half: u32,
}

impl Progress {
    /// The half with the state before a step at `position`. At position 0 the kernels read none and start with zeros.
    pub fn step(&mut self, position: usize, tokens: usize) -> Result<u32, BackendError> {
        if position == self.end {
            self.half = 1 - self.half;
        } else if position != self.start && position != 0 {
            return Err(BackendError::Internal(format!(
                "a step at {position}, but the recurrent states are those at {} and {}",
                self.start, self.end
            )));
        }
        (self.start, self.end) = (position, position + tokens);
        Ok(self.half)
    }

    /// Marks the states as unknown: the next step must start at position 0.
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
        assert_eq!(progress.step(6, 1), Ok(first), "continued");
        assert!(progress.step(8, 1).is_err() && progress.step(5, 1).is_err());
        assert!(progress.step(0, 1).is_ok(), "restarted");
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
