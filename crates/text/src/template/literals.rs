//! The strings that a template may search texts for.

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

#[cfg(test)]
mod tests {
    #[test]
    fn literals_are_found_once_each_and_sorted() {
        let source = "'x' {{ m.split('</think>')[-1] ~ \"\\n\\n\" ~ 'a' }}{% if '/no' in m or '</think>' in m %}'y'{% \
        endif %}";
        assert_eq!(super::of(source), ["\n\n", "/no", "</think>", "split"]);
        assert_eq!(super::of(&format!("{{{{ '{}' }}}}", "x".repeat(40))), [""; 0]);
    }
}
