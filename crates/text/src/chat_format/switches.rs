//! Variables with which templates turn thinking on and off.

use serde_json::Value;

use crate::ChatTemplate;

/// A variable that turns thinking on and off.
#[derive(Clone, Debug, PartialEq)]
pub struct ThinkingSwitch {
    /// Its name in the template.
    pub name: String,
    on: Value,
    off: Value,
}

/// The name that most templates use.
const USUAL: &str = "enable_thinking";

/// Maximum number of variables that are tried.
const MAX_VARIABLES: usize = 8;

/// Parts of the names of variables that are about something else than whether the model thinks.
const OTHER: [&str; 14] = [
    "effort", "level", "content", "text", "token", "tag", "mark", "start", "end", "begin", "open", "close",
    "index", "prompt",
];

/// Words in the names of variables that turn thinking off.
const OFF: [&str; 12] = [
    "no", "non", "not", "nothink", "disable", "disabled", "skip", "without", "suppress", "hide", "bypass",
    "omit",
];

/// Values that are words: on, and off.
const WORDS: [[&str; 2]; 16] = [
    ["enabled", "disabled"],
    ["on", "off"],
    ["enable", "disable"],
    ["thinking", "chat"],
    ["think", "no_think"],
    ["think", "nothink"],
    ["think", "chat"],
    ["reasoning", "chat"],
    ["thinking", "instruct"],
    ["thinking", "nonthinking"],
    ["thinking", "non-thinking"],
    ["thinking", "none"],
    ["slow", "fast"],
    ["deep", "fast"],
    ["true", "false"],
    ["yes", "no"],
];

impl ThinkingSwitch {
    /// The switches of a template. `render` renders a question with a variable set to a value; it returns `None` if
    /// the template rejects that.
    #[must_use]
    pub fn of(template: &ChatTemplate, render: &dyn Fn(&str, &Value) -> Option<String>) -> Vec<Self> {
        let changes = |it: &Self| {
            let prompts = render(&it.name, &it.on).zip(render(&it.name, &it.off));
            prompts.is_some_and(|(on, off)| on != off)
        };
        names(template).filter_map(|name| candidates(name, template.literals()).find(changes)).collect()
    }

    /// The switch that most templates have.
    #[must_use]
    pub fn usual() -> Self {
        Self::flag(USUAL)
    }

    /// The switches that a template may have, without words as values.
    pub(super) fn guesses(template: &ChatTemplate) -> impl Iterator<Item = Self> {
        names(template).map(Self::flag)
    }

    /// The value that turns thinking on or off.
    #[must_use]
    pub fn value(&self, thinks: bool) -> Value {
        if thinks { self.on.clone() } else { self.off.clone() }
    }

    /// A variable that is true or false, or a maximum number of tokens (-1: no limit).
    fn flag(name: &str) -> Self {
        let is_off = name.split('_').any(|word| OFF.contains(&word));
        let (on, off) = match name.contains("budget") {
            true => (Value::from(-1), Value::from(0)),
            false => (Value::from(!is_off), Value::from(is_off)),
        };
        Self { name: name.to_owned(), on, off }
    }

    fn words(name: &str, [on, off]: [&str; 2]) -> Self {
        Self { name: name.to_owned(), on: on.into(), off: off.into() }
    }
}

/// The variables that may be switches.
fn names(template: &ChatTemplate) -> impl Iterator<Item = &str> {
    let names = template.variables().iter().map(String::as_str);
    let is_switch = |name: &&str| {
        ["think", "reason"].iter().any(|word| name.contains(word))
            && !name.split('_').any(|word| OTHER.contains(&word.trim_end_matches('s')))
    };
    names.filter(is_switch).take(MAX_VARIABLES)
}

/// The ways to switch with a variable: words are first if the template knows both, and last if it knows one.
fn candidates<'a>(name: &'a str, literals: &'a [String]) -> impl Iterator<Item = ThinkingSwitch> + 'a {
    let known = |[on, off]: [&str; 2]| {
        let has = |word: &str| literals.binary_search_by(|literal| literal.as_str().cmp(word)).is_ok();
        usize::from(has(on)) + usize::from(has(off))
    };
    let of_words = move |count: usize| {
        let words = WORDS.into_iter().filter(move |words| known(*words) == count);
        words.map(move |words| ThinkingSwitch::words(name, words))
    };
    of_words(2).chain([ThinkingSwitch::flag(name)]).chain(of_words(1))
}
