//! Splits the text between a template's values into tags.

/// The tags and words of `text`, without the white space between them. A tag may be cut at either end,
/// because values are written inside tags, too: `<parameter=`, `">`.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = length_of_first(rest);
        tags.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    tags
}

fn length_of_first(text: &str) -> usize {
    let tag_end = |close: char| text.find(close).map(|at| at + close.len_utf8());
    if text.starts_with('<') {
        // A `<` of its own before the `>`: this one opens nothing.
        let next = text[1..].find('<').map_or(text.len(), |at| at + 1);
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
