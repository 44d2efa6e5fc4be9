//! Python's `textwrap.wrap` for one line, as the filter `wordwrap` calls it.

use std::ops::Range;

use minijinja::Error;

/// How to break lines.
pub(in crate::template) struct Wrap {
    pub(in crate::template) width: usize,
    pub(in crate::template) break_long_words: bool,
    pub(in crate::template) break_on_hyphens: bool,
}

/// Wraps a line: passes each part of it to `push`. Widths count characters.
pub(in crate::template) fn wrap(
    text: &[char],
    style: &Wrap,
    mut push: impl FnMut(&[char]) -> Result<(), Error>,
) -> Result<(), Error> {
    let is_space = |range: &Range<usize>| text[range.clone()].iter().all(|c| c.is_whitespace());
    let mut chunks = chunks(text, style.break_on_hyphens).peekable();
    let mut is_first = true;
    // The rest of a broken word.
    let mut rest: Option<Range<usize>> = None;
    loop {
        if rest.is_none() && !is_first && chunks.peek().is_some_and(is_space) {
            chunks.next();
        }
        // The chunks of this part follow one another.
        let mut part: Option<Range<usize>> = None;
        let mut last = 0..0;
        let mut add = |chunk: Range<usize>| {
            part = Some(part.take().map_or(chunk.start, |part| part.start)..chunk.end);
            last = chunk;
        };
        let mut length = 0;
        let next = loop {
            let Some(next) = rest.clone().or_else(|| chunks.peek().cloned()) else { break None };
            if length + next.len() > style.width {
                break Some(next);
            }
            length += next.len();
            add(next);
            if rest.take().is_none() {
                chunks.next();
            }
        };
        if let Some(next) = next.clone().filter(|next| next.len() > style.width) {
            let mut end = next.end;
            if style.break_long_words {
                end = next.start + style.width - length;
                if style.break_on_hyphens {
                    let hyphen = (next.start + 1..end).rev().find(|&at| text[at] == '-');
                    if let Some(hyphen) = hyphen.filter(|&at| text[next.start..at].iter().any(|&c| c != '-'))
                    {
                        end = hyphen + 1;
                    }
                }
            }
            if style.break_long_words || length == 0 {
                add(next.start..end);
                if rest.is_none() {
                    chunks.next();
                }
                rest = Some(end..next.end).filter(|rest| !rest.is_empty());
            }
        }
        let end = |part: &Range<usize>| if is_space(&last) { last.start } else { part.end };
        if let Some(part) = part.map(|part| part.start..end(&part)).filter(|part| !part.is_empty()) {
            push(&text[part])?;
            is_first = false;
        }
        if next.is_none() {
            return Ok(());
        }
    }
}

/// Splits into whitespace and words, and words after their hyphens.
fn chunks(text: &[char], hyphens: bool) -> impl Iterator<Item = Range<usize>> {
    let at = |index: usize| text.get(index).copied().unwrap_or(' ');
    let letter = move |index: usize| at(index).is_alphabetic() || at(index) == '_' && index < text.len();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let before_dash = move |c: char| word(c) || "!\"'&.,?".contains(c);
    // Two or more hyphens before a word.
    let dashes = move |from: usize| {
        let count = text[from..].iter().take_while(|&&c| c == '-').count();
        (count >= 2 && word(at(from + count))).then_some(from + count)
    };
    let mut start = 0;
    std::iter::from_fn(move || {
        if start == text.len() {
            return None;
        }
        let end = if at(start).is_whitespace() {
            start + text[start..].iter().take_while(|c| c.is_whitespace()).count()
        } else if let Some(end) = dashes(start).filter(|_| hyphens && start > 0 && before_dash(at(start - 1)))
        {
            end
        } else {
            let ends = |end: usize| {
                let last = end - 1;
                let hyphenated = end > start + 1
                    && at(last) == '-'
                    && end >= 3
                    && letter(last - 1)
                    && (letter(last - 2) || end >= 4 && at(last - 2) == '-' && letter(last - 3))
                    && letter(end)
                    && (letter(end + 1) || at(end + 1) == '-' && letter(end + 2));
                end == text.len()
                    || at(end).is_whitespace()
                    || hyphens && (hyphenated || before_dash(at(last)) && dashes(end).is_some())
            };
            (start + 1..=text.len()).find(|&end| ends(end)).unwrap_or(text.len())
        };
        let chunk = start..end;
        start = end;
        Some(chunk)
    })
}
