//! What the engine needs from its surroundings, injected so that it runs natively and in a page alike.

use linnet_text::LocalTime;

/// Clock, time zone and entropy of the place the engine runs in.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// Milliseconds from some fixed point, never going back.
    pub now_ms: fn() -> f64,
    /// The wall clock, for chat templates that print the date.
    pub local_time: fn() -> LocalTime,
    /// A seed for requests without one.
    pub random_seed: fn() -> u64,
}
