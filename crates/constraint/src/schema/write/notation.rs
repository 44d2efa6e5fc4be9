//! How values are written.

use linnet_text::Whitespace;
use serde_json::Value;

use super::super::decimal::Decimal;
use super::{Mark, Writer, spaces};
use crate::grammar::Symbol;
use crate::pattern::{Pattern, Spelling};

/// How values are written.
pub enum Notation {
    Json,
    /// Python's literals.
    Python,
    /// JSON with bare names, and strings between these quotes, without escapes.
    Quoted(Quote),
}

/// A mark around strings.
#[derive(Clone)]
pub struct Quote {
    pub symbols: Vec<Symbol>,
    /// What no string contains.
    pub text: Option<String>,
}

impl Notation {
    /// `null`, `false` and `true`.
    pub fn words(&self) -> [&'static str; 3] {
        match self {
            Self::Json | Self::Quoted(_) => ["null", "false", "true"],
            Self::Python => ["None", "False", "True"],
        }
    }

    /// The pattern of strings, if they are a single lexeme.
    fn string(&self, texts: &Pattern, spelling: Spelling) -> Option<Pattern> {
        match self {
            Self::Json => Some(texts.json_string(spelling)),
            Self::Python => Some(texts.python_string()),
            Self::Quoted(_) => None,
        }
    }

    /// The pattern of a value that is no string, array or object.
    fn scalar(&self, value: &Value) -> Pattern {
        let [null, falsehood, truth] = self.words();
        match value {
            Value::Number(number) => Pattern::literal(&Decimal::of(number).text()),
            Value::Bool(true) => Pattern::literal(truth),
            Value::Bool(false) => Pattern::literal(falsehood),
            _ => Pattern::literal(null),
        }
    }
}

impl Writer {
    /// Adds single values that are no arrays or objects to a rule. Kinds of values with the same first characters are
    /// one lexeme each.
    pub fn scalars(&mut self, rule: usize, values: &[&Value]) {
        let mut patterns = Vec::new();
        let mut quoted = Vec::new();
        for value in values {
            let Value::String(text) = value else {
                patterns.push(self.notation.scalar(value));
                continue;
            };
            let text = Pattern::literal(text);
            match self.notation.string(&text, Spelling::Short) {
                Some(string) => patterns.push(string),
                None => quoted.push(text),
            }
        }
        if !patterns.is_empty() {
            let lexeme = self.grammar.lexeme(Pattern::or(patterns));
            self.grammar.add(rule, vec![lexeme]);
        }
        if !quoted.is_empty() {
            self.strings(rule, &Pattern::or(quoted), Spelling::Short);
        }
    }

    /// Adds strings with these texts to a rule.
    pub fn strings(&mut self, rule: usize, texts: &Pattern, spelling: Spelling) {
        let quote = match (&self.notation, self.notation.string(texts, spelling)) {
            (Notation::Quoted(quote), _) => quote.clone(),
            (_, string) => {
                let lexeme = self.grammar.lexeme(string.unwrap_or(Pattern::Never));
                self.grammar.add(rule, vec![lexeme]);
                return;
            }
        };
        let inside = self.text_without(texts, quote.text.as_slice());
        self.grammar.add(rule, [&quote.symbols[..], &[inside], &quote.symbols].concat());
    }

    /// A rule for these texts, but for those that contain one of `parts`.
    pub fn text_without(&mut self, texts: &Pattern, parts: &[String]) -> Symbol {
        let rule = self.grammar.rule();
        // No lexeme is empty.
        if texts.matches("").unwrap_or(false) {
            self.grammar.add(rule, Vec::new());
        }
        let some = Pattern::all().without(Pattern::empty());
        let lexeme = self.grammar.lexeme(Pattern::and([without(texts, parts), some]));
        self.grammar.add(rule, vec![lexeme]);
        Symbol::Rule(rule)
    }

    /// A fixed value.
    pub fn literal(&mut self, value: &Value) -> Vec<Symbol> {
        let (open, close, parts): (_, _, Vec<Vec<Symbol>>) = match value {
            Value::Array(list) => {
                (Mark::OpenArray, Mark::CloseArray, list.iter().map(|value| self.literal(value)).collect())
            }
            Value::Object(map) => {
                let mut property = |(name, value): (&String, &Value)| {
                    let name = self.name(Pattern::literal(name), Spelling::Short);
                    [vec![name], self.literal(value)].concat()
                };
                (Mark::OpenObject, Mark::CloseObject, map.iter().map(&mut property).collect())
            }
            scalar => {
                let rule = self.grammar.rule();
                self.scalars(rule, &[scalar]);
                return vec![Symbol::Rule(rule)];
            }
        };
        let comma = [self.mark(Mark::Comma)];
        [vec![self.mark(open)], parts.join(&comma[..]), vec![self.mark(close)]].concat()
    }

    /// The lexeme of the name of a property, with the colon.
    pub fn name(&mut self, names: Pattern, spelling: Spelling) -> Symbol {
        let colon = match self.whitespace {
            Whitespace::Compact => Pattern::literal(":"),
            Whitespace::Bounded => Pattern::concat([Pattern::literal(":"), Pattern::literal(" ").optional()]),
            Whitespace::Any => {
                let (before, after) = spaces(self.whitespace);
                Pattern::concat([before, Pattern::literal(":"), after])
            }
        };
        let names =
            self.notation.string(&names, spelling).unwrap_or_else(|| Pattern::and([names, bare_name()]));
        self.grammar.lexeme(Pattern::concat([names, colon]))
    }
}

/// Texts but for those that contain one of `parts`.
pub fn without(texts: &Pattern, parts: &[String]) -> Pattern {
    let contains = |part: &String| Pattern::concat([Pattern::all(), Pattern::literal(part), Pattern::all()]);
    match parts {
        [] => texts.clone(),
        parts => texts.clone().without(Pattern::or(parts.iter().map(contains))),
    }
}

/// Names that need no quotes.
fn bare_name() -> Pattern {
    let letter = [('A', 'Z'), ('_', '_'), ('a', 'z')];
    let other = [('-', '-'), ('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    Pattern::concat([Pattern::one_of(&letter), Pattern::one_of(&other).repeat(0, None)])
}
