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

/// Maximum length of a tag in bytes. To search more for its end would take quadratic time.
const LONGEST: usize = 128;

/// The start of a token before each of MiniMax M3's tags: `]<]minimax[>[<invoke name="`.
const TOKEN: &str = "]<]";

/// The end of Kimi K3's tags.
const SEPARATOR: &str = "<|sep|>";

/// The length of a tag whose ends are tokens, as in Kimi K3: `<|open|>call tool="f"<|sep|>`.
fn in_three_parts(text: &str) -> Option<usize> {
    let inside = ["<|open|>", "<|close|>"].iter().find_map(|start| text.strip_prefix(start))?;
    let end = inside.find('<').unwrap_or(inside.len());
    let length = match &inside[end..] {
        "" => end,
        rest if rest.starts_with(SEPARATOR) => end + SEPARATOR.len(),
        _ => return None,
    };
    inside.starts_with(char::is_alphanumeric).then(|| text.len() - inside.len() + length)
}

fn length_of_first(text: &str) -> usize {
    let start = &text[..text.floor_char_boundary(LONGEST)];
    // The end of the tag that `<` opens or that the text is the rest of; another `<` before it opens a tag.
    let tag_end = |rest: &str| rest.find(['<', '>']).filter(|end| rest[*end..].starts_with('>'));
    if let Some(length) = in_three_parts(start) {
        return length;
    }
    if text.starts_with('<') {
        let next = || text[1..].find('<').map_or(text.len(), |next| next + 1);
        return tag_end(&start[1..]).map_or_else(next, |end| end + 2);
    }
    if is_bracket_tag(text) {
        return text.find(']').map_or(text.len(), |end| end + 1);
    }
    // MiniMax's tags begin with a token.
    if let Some(end) = start.strip_prefix(TOKEN).and_then(|inside| inside.find("[>[")) {
        let (token, rest) = text.split_at(TOKEN.len() + end + 3);
        return token.len() + if rest.starts_with('<') { length_of_first(rest) } else { 0 };
    }
    // The rest of a tag that began before the text.
    if text.starts_with(['"', '\'', '>', '/', '|'])
        && let Some(end) = tag_end(start)
    {
        // Some marks are a row of these: `>>>`.
        return text.len() - text[end..].trim_start_matches('>').len();
    }
    if text.starts_with(['"', '\''])
        && let Some(end) = start.find(['<', '>']).filter(|end| start[*end..].starts_with(SEPARATOR))
    {
        return end + SEPARATOR.len();
    }
    let ends =
        |(at, c): &(usize, char)| *c == '<' || c.is_whitespace() || *c == '[' && is_bracket_tag(&text[*at..]);
    text.char_indices().skip(1).find(ends).map_or(text.len(), |(at, _)| at)
}

/// Whether it starts with a tag like `[TOOL_CALLS]` or `[/INST]`.
pub(super) fn is_bracket_tag(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('[') else { return false };
    let name = inside.trim_start_matches('/');
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-:".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.trim_start_matches(is_part).starts_with(']')
}

/// Whether a mark is unlikely to be part of an ordinary text.
pub(super) fn is_distinct(mark: &str) -> bool {
    mark.len() > 2 && (mark.starts_with('<') || mark.starts_with(TOKEN) || is_bracket_tag(mark))
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
