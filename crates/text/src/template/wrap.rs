//! Python's `textwrap.wrap` for one line, as the filter `wordwrap` calls it.

/// How to break lines.
pub(super) struct Wrap {
    pub(super) width: usize,
    pub(super) break_long_words: bool,
    pub(super) break_on_hyphens: bool,
}

/// Wraps a line. Widths count characters.
pub(super) fn wrap(line: &str, style: &Wrap) -> Vec<String> {
    let text: Vec<char> = line.chars().collect();
    // The position in the text, and the length of the chunk there.
    let mut chunks = chunks(&text, style.break_on_hyphens).into_iter().peekable();
    let is_space = |range: &std::ops::Range<usize>| text[range.clone()].iter().all(|c| c.is_whitespace());
    let mut lines = Vec::new();
    // The rest of a broken word.
    let mut rest: Option<std::ops::Range<usize>> = None;
    loop {
        if rest.is_none() && !lines.is_empty() && chunks.peek().is_some_and(is_space) {
            chunks.next();
        }
        let mut current: Vec<std::ops::Range<usize>> = Vec::new();
        let mut length = 0;
        while let Some(next) = rest.clone().or_else(|| chunks.peek().cloned()) {
            if length + next.len() > style.width {
                break;
            }
            length += next.len();
            current.push(next);
            if rest.take().is_none() {
                chunks.next();
            }
        }
        let Some(next) = rest.clone().or_else(|| chunks.peek().cloned()) else {
            push(&mut lines, &text, current, is_space);
            return lines;
        };
        if next.len() > style.width {
            if style.break_long_words {
                let mut end = next.start + style.width - length;
                if style.break_on_hyphens {
                    let hyphen = (next.start + 1..end).rev().find(|&at| text[at] == '-');
                    if let Some(hyphen) = hyphen.filter(|&at| text[next.start..at].iter().any(|&c| c != '-'))
                    {
                        end = hyphen + 1;
                    }
                }
                current.push(next.start..end);
                if rest.is_none() {
                    chunks.next();
                }
                rest = Some(end..next.end).filter(|rest| !rest.is_empty());
            } else if current.is_empty() {
                current.push(next);
                if rest.take().is_none() {
                    chunks.next();
                }
            }
        }
        push(&mut lines, &text, current, is_space);
    }
}

fn push(
    lines: &mut Vec<String>,
    text: &[char],
    mut chunks: Vec<std::ops::Range<usize>>,
    is_space: impl Fn(&std::ops::Range<usize>) -> bool,
) {
    if chunks.last().is_some_and(is_space) {
        chunks.pop();
    }
    if !chunks.is_empty() {
        lines.push(chunks.into_iter().flat_map(|range| &text[range]).collect());
    }
}

/// Splits into whitespace and words, and words after their hyphens.
fn chunks(text: &[char], hyphens: bool) -> Vec<std::ops::Range<usize>> {
    let at = |index: usize| text.get(index).copied().unwrap_or(' ');
    let letter = |index: usize| at(index).is_alphabetic() || at(index) == '_' && index < text.len();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let before_dash = |c: char| word(c) || "!\"'&.,?".contains(c);
    // Two or more hyphens before a word.
    let dashes = |from: usize| {
        let count = text[from..].iter().take_while(|&&c| c == '-').count();
        (count >= 2 && word(at(from + count))).then_some(from + count)
    };
    let mut out = Vec::new();
    let mut start = 0;
    while start < text.len() {
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
        out.push(start..end);
        start = end;
    }
    out
}
