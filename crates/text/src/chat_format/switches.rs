//! Variables with which templates turn thinking on and off.

use serde_json::Value;

/// A variable that turns thinking on and off.
#[derive(Clone, Copy, Debug)]
pub struct ThinkingSwitch {
    /// Its name in templates.
    pub name: &'static str,
    values: Values,
}

/// The values of a switch.
#[derive(Clone, Copy, Debug)]
enum Values {
    /// `true` turns thinking on.
    On,
    /// `true` turns thinking off.
    Off,
    /// A maximum number of tokens; -1 is no limit.
    Budget,
    /// Words.
    Words { on: &'static str, off: &'static str },
}

impl ThinkingSwitch {
    /// The switches that templates use.
    pub const ALL: [Self; 9] = [
        Self { name: "enable_thinking", values: Values::On },
        Self { name: "thinking", values: Values::On },
        Self { name: "enable_reasoning", values: Values::On },
        Self { name: "reasoning", values: Values::On },
        Self { name: "thinking_budget", values: Values::Budget },
        Self { name: "skip_thinking", values: Values::Off },
        Self { name: "disable_thinking", values: Values::Off },
        Self { name: "thinking_mode", values: Values::Words { on: "on", off: "off" } },
        Self { name: "reasoning_mode", values: Values::Words { on: "on", off: "off" } },
    ];

    /// The value that turns thinking on or off.
    #[must_use]
    pub fn value(self, thinks: bool) -> Value {
        match self.values {
            Values::On => thinks.into(),
            Values::Off => (!thinks).into(),
            Values::Budget => if thinks { -1 } else { 0 }.into(),
            Values::Words { on, off } => if thinks { on } else { off }.into(),
        }
    }
}
