//! `{% generation %}` marks the assistant's words for training. It changes nothing in a prompt, and the template
//! engine does not know it.

use std::borrow::Cow;

/// Turns the tags `generation` and `endgeneration` into an `if` that always holds, so that whitespace around them is
/// treated exactly as around any other block.
pub(super) fn without_markers(source: &str) -> Cow<'_, str> {
    if !source.contains("generation") {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = match rest.as_bytes().get(1) {
            Some(b'#') => rest.find("#}").map(|end| end + 2),
            Some(b'{') => closing(rest, "}}"),
            Some(b'%') => closing(rest, "%}"),
            _ => Some(1),
        };
        let Some(length) = length else { break };
        let (tag, after) = rest.split_at(length);
        rest = after;
        match tag_name(tag) {
            Some("generation") => out.push_str(&renamed(tag, "generation", "if true")),
            Some("endgeneration") => out.push_str(&renamed(tag, "endgeneration", "endif")),
            Some("raw") => {
                let raw = raw_length(rest);
                out.push_str(tag);
                out.push_str(&rest[..raw]);
                rest = &rest[raw..];
            }
            _ => out.push_str(tag),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Bytes up to and with the first `end` that is not inside a string literal.
fn closing(text: &str, end: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut at = 2;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'\'' | b'"')) => quote = Some(byte),
            (None, _) if bytes[at..].starts_with(end.as_bytes()) => return Some(at + end.len()),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The first word of a `{% ... %}` tag.
fn tag_name(tag: &str) -> Option<&str> {
    let inner = tag.strip_prefix("{%")?.trim_start_matches(['-', '+']).trim_start();
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    Some(&inner[..end])
}

fn renamed(tag: &str, name: &str, to: &str) -> String {
    tag.replacen(name, to, 1)
}

/// Bytes of a raw block's content, before its `endraw` tag.
fn raw_length(text: &str) -> usize {
    let mut ends = text.match_indices("{%").map(|(at, _)| at);
    ends.find(|&at| tag_name(&text[at..]) == Some("endraw")).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::without_markers;

    #[test]
    fn keeps_whitespace_control_and_everything_else() {
        assert_eq!(
            without_markers("a {%- generation -%} b {%endgeneration%}{{ '{% generation %}' }}"),
            "a {%- if true -%} b {%endif%}{{ '{% generation %}' }}"
        );
        for same in [
            "no marker {% if x %}generation{% endif %}",
            "{# {% generation %} #}",
            "{% raw %}{% generation %}{% endraw %}",
            "{{ 'it\\'s {% generation %}' }}",
            "{% set generation = 1 %}",
            "{% generation",
            "{ generation {",
        ] {
            assert_eq!(without_markers(same), same);
        }
    }
}
