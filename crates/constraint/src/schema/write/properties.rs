//! The properties of an object without brackets around them.

use std::collections::BTreeMap;
use std::rc::Rc;

use linnet_text::{ConstraintError, TaggedContent};

use super::super::forms::{Forms, Goal, Object};
use super::super::sources::Node;
use super::super::unsupported;
use super::notation::without;
use super::objects::Body;
use super::{Notation, Writer};
use crate::grammar::{Grammar, Symbol};
use crate::pattern::Pattern;

/// How properties are written.
pub enum Layout {
    /// `name=value, name=value`, in Python's notation.
    Keywords,
    /// Each between tags, in JSON or as plain text that contains none of these texts.
    Tagged { properties: BTreeMap<String, Property>, ends: Vec<String> },
}

/// A property between tags.
pub struct Property {
    pub content: TaggedContent,
    pub open_text: Vec<Symbol>,
    pub open_json: Vec<Symbol>,
    /// The text after the value, which plain text may run into.
    pub close_text: String,
    /// What follows it.
    pub close: Vec<Symbol>,
}

/// The start of a section of plain text in XML.
const CDATA: &str = "<![CDATA[";

impl Layout {
    pub fn notation(&self) -> Notation {
        match self {
            Self::Keywords => Notation::Python,
            Self::Tagged { .. } => Notation::Json,
        }
    }
}

impl Writer {
    /// Adds the properties of the objects that are valid by a subschema; returns the grammar, and their rule.
    ///
    /// # Errors
    /// If a subschema cannot be enforced.
    pub fn write_properties(
        mut self,
        root: Node,
        layout: &Layout,
    ) -> Result<(Grammar, Symbol), ConstraintError> {
        let goal = Goal::of(root);
        let path = self.compiler.path(&goal);
        let forms = self.compiler.forms(&goal)?;
        let rule = self.grammar.rule();
        for object in &forms.objects {
            if !object.some.is_empty() {
                return Err(unsupported(
                    &path,
                    "a condition that some property exists is not supported here",
                ));
            }
            let named = u32::try_from(object.order.len()).unwrap_or(u32::MAX);
            let required = u32::try_from(object.required.len()).unwrap_or(u32::MAX);
            let counted = object.min > required || object.max.is_some_and(|max| max < named);
            let mut body = Body::new(object, counted, Some(layout));
            let inner = self.properties(&mut body, &path)?;
            self.grammar.add(rule, vec![inner]);
        }
        self.finish()?;
        Ok((self.grammar, Symbol::Rule(rule)))
    }

    /// A property, with what separates it from one before it.
    pub fn property(
        &mut self,
        object: &Object,
        name: &Rc<str>,
        layout: &Layout,
        is_first: bool,
        path: &Rc<str>,
    ) -> Result<Vec<Symbol>, ConstraintError> {
        let goal = object.value_of(name)?;
        let (properties, ends) = match layout {
            Layout::Keywords => {
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if name.is_empty() || !name.chars().all(is_word) {
                    let reason = format!("this model's format of calls cannot write the name {name:?}");
                    return Err(unsupported(path, reason));
                }
                let comma = if is_first { "" } else { ", " };
                let name = self.text(&format!("{comma}{name}="));
                return Ok(vec![name, self.value(&goal)]);
            }
            Layout::Tagged { properties, ends } => (properties, ends),
        };
        let Some(property) = properties.get(&**name) else {
            let reason = format!("the property {name:?} must be listed in `properties`");
            return Err(unsupported(path, reason));
        };
        let path = self.compiler.path(&goal);
        let forms = self.compiler.forms(&goal)?;
        let rule = self.grammar.rule();
        let is_plain = property.content != TaggedContent::Json;
        if is_plain {
            self.plain_text(rule, &forms, property, ends);
        }
        let others = match property.content {
            TaggedContent::Json => Some((*forms).clone()),
            TaggedContent::Text => Some(without_strings(&forms)),
            TaggedContent::TextOrNull if forms.null => Some(Forms { null: true, ..Forms::default() }),
            TaggedContent::TextOrNull | TaggedContent::OnlyText => None,
        };
        if let Some(others) = others {
            let value = self.grammar.rule();
            self.forms(value, &others, &path)?;
            let close = self.close(property);
            let symbols = [&property.open_json[..], &[Symbol::Rule(value)], &close].concat();
            self.grammar.add(rule, symbols);
        }
        Ok(vec![Symbol::Rule(rule)])
    }

    /// Adds the strings as plain text.
    fn plain_text(&mut self, rule: usize, forms: &Forms, property: &Property, ends: &[String]) {
        let literals = forms.literals.iter().filter_map(|value| value.as_str()).map(Pattern::literal);
        let texts = Pattern::or(literals.chain(forms.strings.iter().map(|strings| strings.texts.clone())));
        let mut texts = without(&texts, ends);
        texts = texts.without(Pattern::concat([Pattern::literal(CDATA), Pattern::all()]));
        if property.content == TaggedContent::TextOrNull {
            texts = texts.without(Pattern::literal("null"));
        }
        let inside = if property.close_text.is_empty() {
            self.text_without(&texts, &[])
        } else {
            // One lexeme, because the text may begin like its end.
            self.grammar.lexeme(Pattern::concat([texts, Pattern::literal(&property.close_text)]))
        };
        let symbols = [&property.open_text[..], &[inside], &property.close].concat();
        self.grammar.add(rule, symbols);
    }

    fn close(&mut self, property: &Property) -> Vec<Symbol> {
        let text = (!property.close_text.is_empty()).then(|| self.text(&property.close_text));
        text.into_iter().chain(property.close.iter().copied()).collect()
    }
}

fn without_strings(forms: &Forms) -> Forms {
    let literals = forms.literals.iter().filter(|value| !value.is_string()).cloned().collect();
    Forms { literals, strings: Vec::new(), ..forms.clone() }
}
