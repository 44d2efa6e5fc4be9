//! The strings that a template may search texts for, and the variables that it may read.

use minijinja::machinery::{self, Token};
use minijinja::syntax::SyntaxConfig;

/// Maximum length of a literal in bytes. Longer ones are printed, not searched for.
const LONGEST: usize = 32;

/// The string literals and attribute names in a template's expressions, sorted, without single characters,
/// which are everywhere.
pub(super) fn of(source: &str) -> Vec<String> {
    let tokens = machinery::tokenize(source, false, SyntaxConfig::default()).map_while(Result::ok);
    let mut after_dot = false;
    let mut literals: Vec<String> = tokens
        .filter_map(|(token, _)| {
            let is_attribute = std::mem::replace(&mut after_dot, matches!(token, Token::Dot));
            match token {
                Token::Str(text) => Some(text.to_owned()),
                Token::String(text) => Some(text.into()),
                Token::Ident(name) if is_attribute => Some(name.to_owned()),
                _ => None,
            }
        })
        .filter(|text| text.len() <= LONGEST && text.chars().nth(1).is_some())
        .collect();
    literals.sort_unstable();
    literals.dedup();
    literals
}

/// The names in a template's expressions that may be variables, sorted.
pub(super) fn variables(source: &str) -> Vec<String> {
    let tokens = machinery::tokenize(source, false, SyntaxConfig::default()).map_while(Result::ok);
    let mut after_dot = false;
    let mut names: Vec<String> = tokens
        .filter_map(|(token, _)| {
            let is_attribute = std::mem::replace(&mut after_dot, matches!(token, Token::Dot));
            match token {
                Token::Ident(name) if !is_attribute && name.len() <= LONGEST => Some(name.to_owned()),
                _ => None,
            }
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn literals_are_found_once_each_and_sorted() {
        let source = "'x' {{ m.split('</think>')[-1] ~ \"\\n\\n\" ~ 'a' }}{% if '/no' in m or '</think>' in m %}'y'{% \
        endif %}";
        assert_eq!(super::of(source), ["\n\n", "/no", "</think>", "split"]);
        assert_eq!(super::of(&format!("{{{{ '{}' }}}}", "x".repeat(40))), [""; 0]);
    }

    #[test]
    fn variables_are_found_once_each_and_sorted() {
        let source = "thinks {% if b.c is defined and a %}{{ a ~ 'd' ~ b['e'] }}{% endif %}";
        let words = ["and", "defined", "endif", "if", "is"];
        let names = super::variables(source);
        assert_eq!(
            names.iter().filter(|name| !words.contains(&name.as_str())).collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}
