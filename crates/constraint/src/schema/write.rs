//! Sets of values as grammars of their JSON texts.

use std::collections::BTreeMap;
use std::rc::Rc;

use linnet_text::{ConstraintError, Whitespace};
use serde_json::Value;

use super::algebra::Compiler;
use super::forms::{Forms, Goal};
use super::sources::Node;
use crate::grammar::{Grammar, Symbol};
use crate::limits;
use crate::pattern::{Pattern, Spelling};

mod arrays;
mod notation;
mod objects;
mod properties;

pub use notation::{Notation, Quote};
pub use properties::{Layout, Property};

/// Work for one of the values of an `enum`.
const PER_SCALAR: usize = 10;

/// Writes the grammar of a schema.
pub struct Writer {
    compiler: Compiler,
    grammar: Grammar,
    whitespace: Whitespace,
    notation: Notation,
    /// The rule of each goal.
    rules: BTreeMap<Goal, usize>,
    /// Goals whose rules have no alternatives yet.
    waiting: Vec<Goal>,
    /// Texts that are lexemes.
    texts: BTreeMap<String, Symbol>,
    /// `{`, `}`, `[`, `]`, `,`
    marks: [Symbol; 5],
}

/// The indices of [`Writer::marks`].
#[derive(Clone, Copy)]
enum Mark {
    OpenObject,
    CloseObject,
    OpenArray,
    CloseArray,
    Comma,
}

impl Writer {
    /// Adds to a grammar.
    pub fn new(compiler: Compiler, whitespace: Whitespace, notation: Notation, mut grammar: Grammar) -> Self {
        let (before, after) = spaces(whitespace);
        let mut mark = |text: &str, spaced: [&Pattern; 2]| {
            let [before, after] = spaced.map(Clone::clone);
            grammar.lexeme(Pattern::concat([before, Pattern::literal(text), after]))
        };
        let none = Pattern::empty();
        let any = if whitespace == Whitespace::Any { &before } else { &none };
        let marks = [
            mark("{", [&none, &after]),
            mark("}", [&before, &none]),
            mark("[", [&none, &after]),
            mark("]", [&before, &none]),
            mark(",", [any, &after]),
        ];
        Self {
            compiler,
            grammar,
            whitespace,
            notation,
            rules: BTreeMap::new(),
            waiting: Vec::new(),
            texts: BTreeMap::new(),
            marks,
        }
    }

    /// Adds the values that are valid by a subschema; returns the grammar, and the rule of these values.
    ///
    /// # Errors
    /// If a subschema cannot be enforced.
    pub fn write(mut self, root: Node) -> Result<(Grammar, Symbol), ConstraintError> {
        let start = self.value(&Goal::of(root));
        self.finish()?;
        Ok((self.grammar, start))
    }

    /// Writes the alternatives of all rules.
    fn finish(&mut self) -> Result<(), ConstraintError> {
        while let Some(goal) = self.waiting.pop() {
            let path = self.compiler.path(&goal);
            let forms = self.compiler.forms(&goal)?;
            let rule = self.rules[&goal];
            self.forms(rule, &forms, &path)?;
            self.grammar.check_size().map_err(|error| error.at(&*path))?;
        }
        Ok(())
    }

    fn mark(&self, mark: Mark) -> Symbol {
        self.marks[mark as usize]
    }

    /// The rule of the values that fulfil a goal.
    fn value(&mut self, goal: &Goal) -> Symbol {
        if let Some(&rule) = self.rules.get(goal) {
            return Symbol::Rule(rule);
        }
        let rule = self.grammar.rule();
        self.rules.insert(goal.clone(), rule);
        self.waiting.push(goal.clone());
        Symbol::Rule(rule)
    }

    /// The lexeme of a text.
    fn text(&mut self, text: &str) -> Symbol {
        if let Some(&symbol) = self.texts.get(text) {
            return symbol;
        }
        let symbol = self.grammar.lexeme(Pattern::literal(text));
        self.texts.insert(text.to_owned(), symbol);
        symbol
    }

    fn forms(&mut self, rule: usize, forms: &Forms, path: &Rc<str>) -> Result<(), ConstraintError> {
        let [null, falsehood, truth] = self.notation.words();
        let fixed = [(forms.null, null), (forms.falsehood, falsehood), (forms.truth, truth)];
        for (_, text) in fixed.into_iter().filter(|(has, _)| *has) {
            let symbol = self.text(text);
            self.grammar.add(rule, vec![symbol]);
        }
        let mut scalars = Vec::new();
        for literal in &forms.literals {
            match literal {
                Value::Array(_) | Value::Object(_) => {
                    let symbols = self.literal(literal);
                    self.grammar.add(rule, symbols);
                }
                scalar => scalars.push(scalar),
            }
        }
        limits::spend(scalars.len() * PER_SCALAR).map_err(|error| error.at(&**path))?;
        self.scalars(rule, &scalars);
        let numbers = Pattern::or(forms.numbers.iter().map(super::number::Numbers::written));
        if numbers != Pattern::Never {
            let lexeme = self.grammar.lexeme(numbers);
            self.grammar.add(rule, vec![lexeme]);
        }
        for length_only in [true, false] {
            let strings = forms.strings.iter().filter(|strings| strings.length_only == length_only);
            let texts = Pattern::or(strings.map(|strings| strings.texts.clone()));
            if texts != Pattern::Never {
                let spelling = if length_only { Spelling::Any } else { Spelling::Short };
                self.strings(rule, &texts, spelling);
            }
        }
        for array in &forms.arrays {
            self.array(rule, array, path)?;
        }
        for object in &forms.objects {
            self.object(rule, object, path)?;
        }
        Ok(())
    }
}

/// The white space before closing and after opening brackets.
fn spaces(whitespace: Whitespace) -> (Pattern, Pattern) {
    let space = Pattern::literal(" ");
    let one = match whitespace {
        Whitespace::Compact => Pattern::empty(),
        Whitespace::Bounded => {
            let indent = Pattern::one_of(&[(' ', ' '), ('\t', '\t')]).repeat(0, Some(32));
            Pattern::or([Pattern::empty(), space, Pattern::concat([Pattern::literal("\n"), indent])])
        }
        Whitespace::Any => Pattern::one_of(&[('\t', '\n'), ('\r', '\r'), (' ', ' ')]).repeat(0, None),
    };
    (one.clone(), one)
}
