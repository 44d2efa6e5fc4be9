//! Clock, time zone and entropy for native programs.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Instant;

use chrono::{Datelike, Local, Timelike};
use linnet_engine::Platform;
use linnet_text::LocalTime;

/// The platform functions of this process.
pub const PLATFORM: Platform = Platform { now_ms, local_time, random_seed };

/// Milliseconds since the first call.
pub fn now_ms() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1000.0
}

fn local_time() -> LocalTime {
    let now = Local::now();
    LocalTime::new(now.year(), now.month(), now.day(), now.hour(), now.minute(), now.second())
        .unwrap_or(LocalTime::EPOCH)
}

/// The standard library seeds its hash keys from the system's entropy.
fn random_seed() -> u64 {
    RandomState::new().hash_one(0)
}
