//! Finds marks in text.

use super::call::FENCE;
use super::{Channel, ChatEnd};
use crate::chat_format::{CallKind, ChatFormat, tags};

/// What a mark in text does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    OpenReasoning,
    CloseReasoning,
    OpenAnswer,
    CloseAnswer,
    /// It never shows.
    Drop,
    /// It opens a call.
    Call {
        /// Whether it is the last mark before the call's name or JSON.
        opens: bool,
        names: Names,
    },
    /// It ends a message with a header.
    EndMessage {
        /// Whether it belongs to the next header.
        starts_header: bool,
    },
}

/// The names that a call may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Any: its mark is unlikely to be part of an ordinary text.
    Any,
    /// Those of the request's tools, or any if the call is valid: its mark consists of ordinary words.
    AnyIfValid,
    /// Those of the request's tools.
    Known,
}

/// The marks that count in text.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) marks: Vec<(String, Action)>,
    /// Whether reasoning may begin after the answer has begun.
    pub(super) reasoning_anywhere: bool,
}

pub(super) enum Found {
    None,
    Mark {
        at: usize,
        length: usize,
        action: Action,
    },
    /// The text may end with the start of a mark.
    Partial {
        at: usize,
    },
}

impl Rules {
    pub(super) fn new(format: &ChatFormat, calls: bool) -> Self {
        let mut marks: Vec<(String, Action)> = Vec::new();
        let mut add = |mark: &str, action| {
            if !mark.is_empty() && marks.iter().all(|(known, _)| known != mark) {
                marks.push((mark.to_owned(), action));
            }
        };
        for mark in format.header_marks() {
            match *mark {
                "<|constrain|>" | "<|message|>" => {}
                mark => {
                    let starts_header = matches!(mark, "<|start|>" | "<|channel|>");
                    add(mark, Action::EndMessage { starts_header });
                }
            }
        }
        if calls && format.calls.kind != CallKind::Harmony {
            for (mark, opens, names) in openings(format) {
                add(&mark, Action::Call { opens, names });
            }
        }
        if let Some(reasoning) = &format.reasoning {
            add(&reasoning.marks.open, Action::OpenReasoning);
            add(&reasoning.marks.close, Action::CloseReasoning);
        }
        if let Some(answer) = &format.answer {
            add(&answer.open, Action::OpenAnswer);
        }
        format.dropped.iter().for_each(|mark| add(mark, Action::Drop));
        // The same mark may close reasoning and the answer; in the answer it closes that.
        if let Some(answer) = format.answer.as_ref().filter(|answer| !answer.close.is_empty()) {
            marks.insert(0, (answer.close.clone(), Action::CloseAnswer));
        }
        Self { marks, reasoning_anywhere: format.reasoning.as_ref().is_some_and(|it| it.anywhere) }
    }

    /// Finds the first mark in `text`; of several at the same place, the longest.
    pub(super) fn find(&self, text: &str, place: Place, end: Option<ChatEnd>) -> Found {
        let mut at_line_start = place.at_line_start;
        for (at, c) in text.char_indices() {
            let place = Place { at_start: place.at_start && at == 0, at_line_start, ..place };
            match self.begins(&text[at..], place, end) {
                Found::None => {}
                Found::Partial { .. } => return Found::Partial { at },
                Found::Mark { length, action, .. } => return Found::Mark { at, length, action },
            }
            at_line_start = c == '\n' || at_line_start && c.is_whitespace();
        }
        Found::None
    }

    /// The mark that `text` begins with.
    pub(super) fn begins(&self, text: &str, place: Place, end: Option<ChatEnd>) -> Found {
        let mut found: Option<(usize, Action)> = None;
        let mut partial = false;
        for (mark, action) in &self.marks {
            if mark.as_bytes().first() != text.as_bytes().first() || !self.counts(*action, place) {
                continue;
            }
            if text.starts_with(mark.as_str()) {
                if found.is_none_or(|(length, _)| length < mark.len()) {
                    found = Some((mark.len(), *action));
                }
            } else {
                partial |= mark.starts_with(text);
            }
        }
        // A single character at the limit is more likely text.
        let kept_back = match end {
            None => true,
            Some(ChatEnd::Length) => text.len() > 1,
            Some(ChatEnd::Stopped) => false,
        };
        match found {
            _ if partial && kept_back => Found::Partial { at: 0 },
            Some((length, action)) => Found::Mark { at: 0, length, action },
            None => Found::None,
        }
    }

    fn counts(&self, action: Action, place: Place) -> bool {
        let in_content = place.channel == Channel::Content;
        match action {
            // Models repeat the mark that the prompt ends with.
            Action::OpenReasoning => place.at_start || in_content,
            // Models also close reasoning that the prompt has closed, or that they did not open.
            Action::CloseReasoning => {
                let is_stray = self.reasoning_anywhere || place.at_line_start;
                !in_content || place.at_start || is_stray && !place.shows_open
            }
            Action::OpenAnswer => in_content && place.at_start,
            Action::CloseAnswer => in_content && place.in_answer,
            Action::Call { names, .. } => in_content || names == Names::Any,
            Action::Drop | Action::EndMessage { .. } => true,
        }
    }
}

/// Where a text is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) channel: Channel,
    /// Whether it is the start of the channel's text.
    pub(super) at_start: bool,
    /// Whether only white space precedes it on its line.
    pub(super) at_line_start: bool,
    /// Whether the answer shows a mark that opens reasoning.
    pub(super) shows_open: bool,
    /// Whether the answer's opening mark was read.
    pub(super) in_answer: bool,
}

/// The marks that open a call, whether name or JSON must follow, and the names that the call may have.
fn openings(format: &ChatFormat) -> Vec<(String, bool, Names)> {
    let calls = &format.calls;
    let opens = tags::split(&format!("{}{}", calls.section.open, calls.call.open));
    let json = matches!(calls.kind, CallKind::Json(_) | CallKind::Pythonic) && calls.head().is_empty();
    let mut openings = Vec::new();
    let mut add = |mark: &str, opens| {
        let names = if tags::is_distinct(mark) { Names::Any } else { Names::AnyIfValid };
        openings.push((mark.to_owned(), opens, names));
    };
    if let Some(first) = opens.first() {
        add(first, json || opens.len() == 1);
    }
    // Models leave out the outer mark, and repeat that of the call.
    if let Some(first) =
        tags::split(&calls.call.open).into_iter().next().filter(|first| opens.last() != Some(first))
    {
        add(&first, json);
    }
    if let Some(last) = opens.last().filter(|last| tags::is_distinct(last)) {
        add(last, true);
    }
    calls.other_opens.iter().for_each(|mark| add(mark, true));
    if calls.unmarked {
        openings.extend(["json", ""].map(|language| (format!("{FENCE}{language}"), true, Names::Known)));
    }
    openings
}

/// Whether a text begins with a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    /// It does; the length of the mark.
    Full(usize),
    /// It may, once there is more.
    Partial,
    No,
}

/// Matches one tag.
pub(super) fn match_tag(text: &str, tag: &str) -> Match {
    if text.starts_with(tag) {
        Match::Full(tag.len())
    } else if tag.starts_with(text) {
        Match::Partial
    } else {
        Match::No
    }
}

/// Most white space between tags in bytes.
pub(super) const MAX_SPACE: usize = 256;

/// Matches tags in a row, with white space between them.
pub(super) fn match_tags(text: &str, tags: &[String]) -> Match {
    let mut at = 0;
    for (index, tag) in tags.iter().enumerate() {
        if index > 0 {
            let space =
                text[at..].char_indices().find(|(length, c)| *length > MAX_SPACE || !c.is_whitespace());
            at += space.map_or(text.len() - at, |(length, _)| length);
        }
        match match_tag(&text[at..], tag) {
            Match::Full(length) => at += length,
            other => return other,
        }
    }
    Match::Full(at)
}

/// Matches any of these tags; the longest, if several fit.
pub(super) fn match_any(text: &str, tags: &[String]) -> Match {
    let mut best = Match::No;
    for tag in tags {
        match (match_tag(text, tag), best) {
            (Match::Partial, _) => return Match::Partial,
            (Match::Full(length), Match::Full(other)) if length <= other => {}
            (Match::No, _) => {}
            (full, _) => best = full,
        }
    }
    best
}
