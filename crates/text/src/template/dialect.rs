//! Expressions that jinja2 has and the engine's grammar does not, written in words that it has: `'%s' % x` and `+x`.

use super::source::{Token, Tokens};

/// The same code without unary pluses, which change nothing, and with the filter `format` for the formatting operator after
/// a string literal. Elsewhere `%` is a remainder.
pub(super) fn translate(code: &str) -> String {
    let tokens: Vec<Token> = Tokens::of(code).collect();
    let text = |index: usize| tokens.get(index).map_or("", |token| &code[token.start..token.end]);
    let mut out = String::with_capacity(code.len());
    // Up to here the code is written.
    let (mut written, mut index) = (0, 0);
    while let Some(token) = tokens.get(index) {
        let before = index.checked_sub(1).map_or("", text);
        match text(index) {
            "+" if takes_operand(before) => {
                out.push_str(&code[written..token.start]);
                written = token.end;
            }
            "%" if before.starts_with(['\'', '"']) => {
                let end = operand(&tokens, index + 1, &text);
                if end > index + 1 {
                    let last = tokens[end - 1].end;
                    out.push_str(code[written..token.start].trim_end());
                    out.push_str(&format(before, code[token.end..last].trim()));
                    (written, index) = (last, end);
                    continue;
                }
            }
            _ => {}
        }
        index += 1;
    }
    out.push_str(&code[written..]);
    out
}

/// Whether an operand follows that word or sign, and no operator.
fn takes_operand(before: &str) -> bool {
    let words = ["", "and", "elif", "else", "if", "in", "is", "not", "or", "return"];
    words.contains(&before)
        || matches!(before, "(" | "[" | "{" | "," | ":" | "=" | "<" | ">" | "+" | "-" | "*" | "/" | "%" | "~")
}

/// Behind the operand that begins at `start`: a literal, a name or something in brackets, with what is taken of it and the
/// filters that it goes through.
fn operand<'a>(tokens: &[Token], start: usize, text: &impl Fn(usize) -> &'a str) -> usize {
    let sign = start + usize::from(text(start) == "-");
    let Some(mut end) = primary(tokens, sign, text) else { return start };
    loop {
        let next = match text(end) {
            "." => Some(end + 2),
            "(" | "[" => primary(tokens, end, text),
            "|" => Some(end + 2),
            _ => None,
        };
        match next.filter(|next| *next <= tokens.len()) {
            Some(next) => end = next,
            None => return end,
        }
    }
}

fn primary<'a>(tokens: &[Token], start: usize, text: &impl Fn(usize) -> &'a str) -> Option<usize> {
    let open = tokens.get(start)?;
    match text(start) {
        "(" | "[" | "{" => {
            let closes = |token: &Token| token.depth == open.depth + 1;
            let inner = tokens[start + 1..]
                .iter()
                .enumerate()
                .find(|(i, token)| closes(token) && matches!(text(start + 1 + i), ")" | "]" | "}"));
            inner.map(|(i, _)| start + 1 + i + 1)
        }
        word if word.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '\'' | '"')) => {
            Some(start + 1)
        }
        _ => None,
    }
}

/// The call of the filter: with the parts of a tuple, with a map by name, with anything else as it is.
fn format(literal: &str, operand: &str) -> String {
    let tuple = operand.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    // `(a)(b)` is no tuple, but one bracket that closes before the end is.
    let tuple = tuple.filter(|inner| {
        Tokens::of(inner).all(|token| token.depth > 0 || &inner[token.start..token.end] != ")")
    });
    match tuple {
        Some(parts) => format!("|format({})", translate(parts)),
        None if literal.contains("%(") => format!("|format(**({}))", translate(operand)),
        None => format!("|format({})", translate(operand)),
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn writes_the_operators_in_other_words() {
        for (code, translated) in [
            (" '%s' % x ", " '%s'|format(x) "),
            ("'%s-%s' % (a, b.c[0]|upper) ~ y", "'%s-%s'|format(a, b.c[0]|upper) ~ y"),
            ("'%s' % f(a)(b).c|trim('x') + z", "'%s'|format(f(a)(b).c|trim('x')) + z"),
            ("'%s' % (a)(b)", "'%s'|format((a)(b))"),
            ("\"%(a)s\" % {'a': '%d' % 1}", "\"%(a)s\"|format(**({'a': '%d'|format(1)}))"),
            ("'%d' % -1 if a else b", "'%d'|format(-1) if a else b"),
            ("'x' % ()", "'x'|format()"),
            ("a % 2 == 0", "a % 2 == 0"),
            ("+a - +1 + b", "a - 1 + b"),
            ("[+a, x[-1] + 2, 'a' + +'b']", "[a, x[-1] + 2, 'a' + 'b']"),
            ("not +a and (b) + 1e+5", "not a and (b) + 1e+5"),
            ("'%s' %", "'%s' %"),
            ("'%s' % * 2", "'%s' % * 2"),
            ("'%s' % (a", "'%s' % (a"),
        ] {
            assert_eq!(translate(code), translated, "{code}");
        }
    }
}
