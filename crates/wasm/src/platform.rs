//! Clock, time zone and entropy from JavaScript.

use js_sys::{Date, Math};
use linnet_engine::Platform;
use linnet_text::LocalTime;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

fn local_time() -> LocalTime {
    let date = Date::new_0();
    let (month, day) = (date.get_month() + 1, date.get_date());
    let (hour, minute, second) = (date.get_hours(), date.get_minutes(), date.get_seconds());
    // A clock outside the years 0 to 9999 needs no error of its own.
    LocalTime::new(date.get_full_year() as i32, month, day, hour, minute, second).unwrap_or(LocalTime::EPOCH)
}

/// The platform functions of a page.
pub(crate) fn platform() -> Platform {
    Platform { now_ms: now, local_time, random_seed: || (Math::random() * 2f64.powi(53)) as u64 }
}
