//! The outline of a template's source: where its tags are, and what is in them.

/// A stretch of a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part<'a> {
    /// What is printed as it stands: text, comments (which print nothing), raw blocks.
    Verbatim(&'a str),
    /// `{{ ... }}`, with its count of tokens.
    Print(&'a str, usize),
    /// `{% ... %}`.
    Tag(Tag<'a>),
}

/// A `{% ... %}` tag in its pieces, which together are the tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tag<'a> {
    /// `{%` with its whitespace control and the whitespace after it.
    pub(super) open: &'a str,
    /// The first word.
    pub(super) name: &'a str,
    /// What follows it.
    pub(super) body: &'a str,
    /// `%}` with its whitespace control.
    pub(super) close: &'a str,
    /// Words, literals and signs in the body.
    pub(super) tokens: usize,
}

/// The parts of `source` in order. What is not complete at its end comes verbatim, for the engine to complain about.
pub(super) fn parts(source: &str) -> Parts<'_> {
    Parts { rest: source, raw: false }
}

pub(super) struct Parts<'a> {
    rest: &'a str,
    /// Inside a raw block.
    raw: bool,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (length, part) = self.first();
        let (this, rest) = self.rest.split_at(length);
        self.rest = rest;
        Some(part.unwrap_or(Part::Verbatim(this)))
    }
}

impl<'a> Parts<'a> {
    /// Bytes of the first part, and the part unless it is verbatim.
    fn first(&mut self) -> (usize, Option<Part<'a>>) {
        let text = self.rest;
        if std::mem::take(&mut self.raw) {
            let mut tags = text.match_indices("{%").map(|(at, _)| at);
            let end = tags.find(|&at| tag_name(&text[at..]).1 == "endraw");
            // An empty block has no content: its end is the first part then.
            match end {
                Some(0) => {}
                end => return (end.unwrap_or(text.len()), None),
            }
        }
        if text.starts_with("{#") {
            return (text.find("#}").map_or(text.len(), |end| end + 2), None);
        }
        let end = match text.as_bytes() {
            [b'{', b'{', ..] => "}}",
            [b'{', b'%', ..] => "%}",
            _ => {
                let start = text.as_bytes().windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"));
                return (start.unwrap_or(text.len()), None);
            }
        };
        let Some(code) = Code::until(&text[2..], end) else { return (text.len(), None) };
        let length = 2 + code.length + 2;
        if end == "}}" {
            return (length, Some(Part::Print(&text[..length], code.tokens)));
        }
        let (open, name) = tag_name(text);
        let inner = &text[open.len() + name.len()..2 + code.length];
        let body = inner.strip_suffix(['-', '+']).unwrap_or(inner);
        let close = &text[open.len() + name.len() + body.len()..length];
        self.raw = name == "raw";
        (length, Some(Part::Tag(Tag { open, name, body, close, tokens: code.tokens })))
    }
}

/// A tag's opening and its first word.
fn tag_name(tag: &str) -> (&str, &str) {
    let mut inner = tag.strip_prefix("{%").unwrap_or(tag);
    inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start();
    let end = inner.find(|c: char| !is_word(c)).unwrap_or(inner.len());
    (&tag[..tag.len() - inner.len()], &inner[..end])
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A stretch of code up to its end mark.
struct Code {
    length: usize,
    tokens: usize,
}

impl Code {
    /// Code up to the first `end` that is in no string and in no bracket.
    fn until(text: &str, end: &str) -> Option<Self> {
        let mut tokens = Tokens::of(text).enumerate();
        let (tokens, mark) =
            tokens.find(|(_, token)| token.depth == 0 && text[token.start..].starts_with(end))?;
        Some(Self { length: mark.start, tokens })
    }
}

/// A word, a string literal or a single sign of code.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many brackets are open around it; a closing one is within itself.
    pub(super) depth: usize,
}

pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let first = rest.chars().next()?;
        let length = match first {
            '\'' | '"' => string_length(rest, first),
            c if is_word(c) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let depth = self.depth;
        match first {
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth = depth.saturating_sub(1),
            _ => {}
        }
        self.at = start + length;
        Some(Token { start, end: self.at, depth })
    }
}

/// Bytes of the string literal that `text` begins with.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Cuts code at the commas that are in no bracket.
pub(super) fn arguments(code: &str) -> impl Iterator<Item = &str> {
    let commas: Vec<usize> = Tokens::of(code)
        .filter(|token| token.depth == 0 && &code[token.start..token.end] == ",")
        .map(|token| token.start)
        .collect();
    let starts = std::iter::once(0).chain(commas.clone().into_iter().map(|comma| comma + 1));
    let ends = commas.into_iter().chain([code.len()]);
    starts.zip(ends).map(move |(start, end)| &code[start..end])
}

/// Cuts `target = value` at the first `=` that is in no bracket.
pub(super) fn assignment(code: &str) -> Option<(&str, &str)> {
    let sign = Tokens::of(code).find(|token| token.depth == 0 && &code[token.start..token.end] == "=")?;
    let (target, value) = (&code[..sign.start], &code[sign.end..]);
    (!value.trim().is_empty()).then_some((target, value))
}

/// The inside of the first pair of brackets.
pub(super) fn parameters(code: &str) -> Option<&str> {
    let mut tokens = Tokens::of(code);
    let open = tokens.find(|token| &code[token.start..token.end] == "(")?;
    let close = tokens.find(|token| token.depth == 1 && &code[token.start..token.end] == ")")?;
    Some(&code[open.end..close.start])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::{Part, arguments, assignment, parameters, parts};

    fn text<'a>(part: &Part<'a>) -> Vec<&'a str> {
        match part {
            Part::Verbatim(text) | Part::Print(text, _) => vec![text],
            Part::Tag(tag) => vec![tag.open, tag.name, tag.body, tag.close],
        }
    }

    proptest! {
        #[test]
        fn parts_are_the_source(source in r#"(\{%-?|-?%\}|\{\{|\}\}|\{#|#\}|raw|endraw|set|[ '"\\(){}=,é]){0,40}"#) {
            let joined: String = parts(&source).flat_map(|part| text(&part)).collect();
            assert_eq!(joined, source);
            let _ = (arguments(&source).count(), assignment(&source), parameters(&source));
        }
    }

    #[test]
    fn finds_tags_where_they_are() {
        let source =
            "a{%- set x = {'b': '%}'} -%}{# {% c %} #}{{ '}}' ~ {1: {2: 3}} }}{% raw %}{% d %}{% endraw %}";
        let found: Vec<_> = parts(source).collect();
        let names: Vec<_> = found
            .iter()
            .filter_map(|part| match part {
                Part::Tag(tag) => Some(tag.name),
                _ => None,
            })
            .collect();
        assert_eq!(names, ["set", "raw", "endraw"]);
        assert_eq!(text(&found[1]), ["{%- ", "set", " x = {'b': '%}'} ", "-%}"]);
        assert!(matches!(found[3], Part::Print("{{ '}}' ~ {1: {2: 3}} }}", 11)));
        assert_eq!(found[5], Part::Verbatim("{% d %}"));
    }

    #[test]
    fn takes_code_apart() {
        assert_eq!(arguments("a, b=(1, 2), 'c,'").collect::<Vec<_>>(), ["a", " b=(1, 2)", " 'c,'"]);
        assert_eq!(assignment(" a.b = c == d"), Some((" a.b ", " c == d")));
        assert_eq!(assignment(" x | f(a=1)"), None);
        assert_eq!(assignment(" x ="), None);
        assert_eq!(parameters(" f(a, b=(1)) "), Some("a, b=(1)"));
        assert_eq!(parameters(" f"), None);
    }
}
