//! Platform functions, injected so that the engine runs both natively and in a page.

use linnet_text::LocalTime;

/// Clock, time zone and entropy of the platform.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// Milliseconds from a fixed point, monotonic.
    pub now_ms: fn() -> f64,
    /// The local time, for chat templates that print the date.
    pub local_time: fn() -> LocalTime,
    /// A seed for requests without one.
    pub random_seed: fn() -> u64,
}
