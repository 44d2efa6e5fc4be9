//! Faults outside of any call: a lost device, and errors that no scope catches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use linnet_graph::BackendError;

/// The first unreported fault of a device, written by its callbacks. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lost: Option<String>,
    error: Option<BackendError>,
}

impl Faults {
    /// Records that the device is lost, permanently.
    pub fn lose(&self, reason: String) {
        self.state().lost.get_or_insert(reason);
    }

    /// Records an error until [`Faults::check`] reports it; only the first one is kept.
    pub fn report(&self, error: BackendError) {
        self.state().error.get_or_insert(error);
    }

    /// Reports the fault since the last call. A lost device is reported each time.
    pub fn check(&self) -> Result<(), BackendError> {
        let mut state = self.state();
        if let Some(reason) = &state.lost {
            return Err(BackendError::DeviceLost { reason: reason.clone() });
        }
        state.error.take().map_or(Ok(()), Err)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
