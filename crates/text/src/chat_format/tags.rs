//! Splits the text between a template's values into tags.

use std::ops::Range;

/// The tags and words of `text`, without the white space between them. A tag may be cut at either end,
/// because values are written inside tags, too: `<parameter=`, `">`.
pub(super) fn split(text: &str) -> Vec<String> {
    spans(text).into_iter().map(|span| text[span].to_owned()).collect()
}

/// Where they are.
pub(super) fn spans(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if at == text.len() {
            return spans;
        }
        let end = at + length_of_first(&text[at..]);
        spans.push(at..at + text[at..end].trim_end().len());
        at = end;
    }
}

/// The length of the tags that `a` and `b` begin with, in `a`, including the white space after them.
pub(super) fn common_start(a: &str, b: &str) -> usize {
    let (spans_a, spans_b) = (spans(a), spans(b));
    let same = spans_a.iter().zip(&spans_b).take_while(|(x, y)| a[(*x).clone()] == b[(*y).clone()]).count();
    match same {
        0 => 0,
        same => spans_a.get(same).map_or(a.len(), |next| next.start),
    }
}

/// The length of the tags that `a` and `b` end with, in `a`, including the white space after them.
pub(super) fn common_end(a: &str, b: &str) -> usize {
    let (spans_a, spans_b) = (spans(a), spans(b));
    let pairs = spans_a.iter().rev().zip(spans_b.iter().rev());
    let same = pairs.take_while(|(x, y)| a[(*x).clone()] == b[(*y).clone()]).last();
    same.map_or(0, |(first, _)| a.len() - first.start)
}

fn length_of_first(text: &str) -> usize {
    let tag_end = |close: char| text.find(close).map(|at| at + close.len_utf8());
    if let Some(rest) = text.strip_prefix('<') {
        // A `<` of its own before the `>`: this one opens nothing.
        let next = rest.find('<').map_or(text.len(), |at| at + 1);
        return tag_end('>').filter(|end| *end <= next).unwrap_or(next);
    }
    if is_bracket_tag(text) {
        return tag_end(']').unwrap_or(text.len());
    }
    // The rest of a tag that began before the text.
    let open = text.find('<').unwrap_or(text.len());
    if text.starts_with(['"', '\'', '>', '/', '|'])
        && let Some(end) = tag_end('>').filter(|end| *end <= open)
    {
        return end;
    }
    let bracket = text.char_indices().skip(1).find(|(at, c)| *c == '[' && is_bracket_tag(&text[*at..]));
    let bracket = bracket.map_or(text.len(), |(at, _)| at);
    let space = text.find(char::is_whitespace).unwrap_or(text.len());
    open.min(bracket).min(space)
}

/// Whether it starts with a tag like `[TOOL_CALLS]` or `[/INST]`.
pub(super) fn is_bracket_tag(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('[') else { return false };
    let name = inside.split(']').next().unwrap_or("").trim_start_matches('/');
    inside.contains(']')
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-:".contains(c))
}

/// Whether a mark is unlikely to be part of an ordinary text.
pub(super) fn is_distinct(mark: &str) -> bool {
    mark.len() > 2 && (mark.starts_with('<') || is_bracket_tag(mark))
}

/// The closing tag that belongs to an opening one by the common rules: `</x>`, `[/X]`, `<|/x|>`.
pub(super) fn closing_of(open: &str) -> Option<String> {
    let at = open.find(|c: char| c.is_alphanumeric())?;
    (is_distinct(open) && !open.contains('/')).then(|| format!("{}/{}", &open[..at], &open[at..]))
}

/// Whether two marks belong together: by the slash, or by words as in `<|START_ACTION|>`, `<|END_ACTION|>`.
pub(super) fn is_pair(open: &str, close: &str) -> bool {
    if closing_of(open).is_some_and(|it| it == close) {
        return true;
    }
    let ends = [("start", "end"), ("START", "END"), ("begin", "end"), ("BEGIN", "END"), ("open", "close")];
    is_distinct(open)
        && ends.iter().any(|(begin, end)| open.contains(begin) && open.replacen(begin, end, 1) == close)
}

/// `at`, or the start of the tag that contains it.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let Some(start) = text[..at].rfind(['<', '[']) else { return at };
    let is_tag = text[start..].starts_with('<') || is_bracket_tag(&text[start..]);
    if is_tag && start + length_of_first(&text[start..]) > at { start } else { at }
}
