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
    LocalTime {
        year: date.get_full_year() as i32,
        month: date.get_month() as u8 + 1,
        day: date.get_date() as u8,
        hour: date.get_hours() as u8,
        minute: date.get_minutes() as u8,
        second: date.get_seconds() as u8,
    }
}

/// The page's surroundings.
pub(crate) fn platform() -> Platform {
    Platform { now_ms: now, local_time, random_seed: || (Math::random() * 2f64.powi(53)) as u64 }
}
