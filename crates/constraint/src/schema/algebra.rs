//! Union, intersection and complement of sets of values.

use std::collections::BTreeMap;
use std::rc::Rc;

use linnet_text::ConstraintError;
use serde_json::Value;

use super::forms::{Array, Forms, Goal, Names, Object, Strings};
use super::holds::Finder;
use super::number::Numbers;
use super::sources::Sources;
use super::{decimal::Decimal, invalid, too_complex};
use crate::limits;
use crate::pattern::Pattern;

/// Most alternatives of one set.
const MOST_FORMS: usize = 200;
/// Deepest nesting of subschemas that depend on one another.
const DEPTH: usize = 120;
/// Deepest look into a value for whether two sets have common values.
const LOOK: usize = 4;
/// Work to make a set and to keep it.
const PER_GOAL: usize = 300;
/// Most sets that a schema may need.
const MOST_GOALS: usize = 20_000;

/// Computes the sets of values of subschemas.
pub struct Compiler {
    pub sources: Sources,
    known: BTreeMap<Goal, Rc<Forms>>,
    /// What is being computed.
    open: Vec<Goal>,
}

impl Compiler {
    pub fn new(sources: Sources) -> Self {
        Self { sources, known: BTreeMap::new(), open: Vec::new() }
    }

    /// The path of a goal's first subschema.
    pub fn path(&self, goal: &Goal) -> Rc<str> {
        goal.terms().first().map_or_else(|| "".into(), |&(node, _)| self.sources.get(node).path.clone())
    }

    /// The set of values that fulfil a goal.
    ///
    /// # Errors
    /// If a subschema is malformed, cannot be enforced, or depends on itself.
    pub fn forms(&mut self, goal: &Goal) -> Result<Rc<Forms>, ConstraintError> {
        if let Some(forms) = self.known.get(goal) {
            return Ok(forms.clone());
        }
        let path = self.path(goal);
        if self.open.contains(goal) {
            return Err(invalid(
                &path,
                "whether a value is valid depends on itself: the references are circular",
            ));
        }
        if self.open.len() >= DEPTH || self.known.len() >= MOST_GOALS {
            return Err(too_complex(&path, "the schema is nested too deeply, or has too many combinations"));
        }
        limits::spend(PER_GOAL).map_err(|error| error.at(&*path))?;
        self.open.push(goal.clone());
        let mut all = Forms::all();
        for &(node, positive) in goal.terms() {
            let forms = self.of_node(node, positive)?;
            all = self.both(&all, &forms, &path)?;
        }
        self.open.pop();
        let all = Rc::new(all);
        self.known.insert(goal.clone(), all.clone());
        Ok(all)
    }

    /// The values in both sets.
    pub fn both(&mut self, a: &Forms, b: &Forms, path: &str) -> Result<Forms, ConstraintError> {
        let mut out = Forms { null: a.null && b.null, ..Forms::default() };
        (out.falsehood, out.truth) = (a.falsehood && b.falsehood, a.truth && b.truth);
        spend_on_both(a, b).map_err(|error| error.at(path))?;
        let (in_a, in_b) = (Finder::new(&a.literals), Finder::new(&b.literals));
        for literal in &a.literals {
            if in_b.has(literal) || self.holds_kind(b, literal)? {
                out.literals.push(literal.clone());
            }
        }
        for literal in &b.literals {
            if !in_a.has(literal) && self.holds_kind(a, literal)? {
                out.literals.push(literal.clone());
            }
        }
        out.numbers = pairs(&a.numbers, &b.numbers, Numbers::and);
        out.strings = pairs(&a.strings, &b.strings, |a, b| Strings {
            texts: Pattern::and([a.texts.clone(), b.texts.clone()]),
            length_only: a.length_only && b.length_only,
        });
        out.arrays = pairs(&a.arrays, &b.arrays, Array::and);
        out.objects = pairs(&a.objects, &b.objects, Object::and);
        out.arrays.retain(|array| array.max.is_none_or(|max| array.min <= max));
        out.objects.retain(|object| object.max.is_none_or(|max| object.min <= max));
        if out.len() > MOST_FORMS {
            let reason = format!("the schema has more than {MOST_FORMS} combinations of alternatives here");
            return Err(too_complex(path, reason));
        }
        Ok(out)
    }

    /// All other values. `forms` has all arrays or none apart from its literals, and all objects or none.
    pub fn complement(&mut self, mut forms: Forms, node: usize) -> Result<Forms, ConstraintError> {
        let path = self.sources.get(node).path.clone();
        let mut compound = Vec::new();
        for literal in std::mem::take(&mut forms.literals) {
            match &literal {
                Value::Null => forms.null = true,
                Value::Bool(false) => forms.falsehood = true,
                Value::Bool(true) => forms.truth = true,
                Value::Number(number) => forms.numbers.push(Numbers::one(&Decimal::of(number))),
                Value::String(text) => {
                    forms.strings.push(Strings { texts: Pattern::literal(text), length_only: false });
                }
                Value::Array(_) | Value::Object(_) => compound.push(literal),
            }
        }
        let texts = Pattern::or(forms.strings.iter().map(|strings| strings.texts.clone()));
        let length_only = forms.strings.iter().all(|strings| strings.length_only);
        let others = Some(Strings { texts: texts.clone().complement(), length_only });
        let mut all = Forms {
            null: !forms.null,
            falsehood: !forms.falsehood,
            truth: !forms.truth,
            numbers: Numbers::none_of(&forms.numbers).into_iter().collect(),
            strings: others.filter(|_| !texts.is_all()).into_iter().collect(),
            arrays: if forms.arrays.is_empty() { vec![Array::default()] } else { Vec::new() },
            objects: if forms.objects.is_empty() { vec![Object::default()] } else { Vec::new() },
            literals: Vec::new(),
        };
        for literal in compound {
            let made = self.sources.made(node, as_schema(&literal));
            let others = self.forms(&Goal::not(made))?;
            all = self.both(&all, &others, &path)?;
        }
        Ok(all)
    }

    /// Whether it is certain that no value fulfils a goal.
    ///
    /// # Errors
    /// As [`Compiler::forms`].
    pub fn is_empty(&mut self, goal: &Goal, look: usize) -> Result<bool, ConstraintError> {
        if look > LOOK || self.open.contains(goal) {
            return Ok(false);
        }
        let forms = self.forms(goal)?;
        if !forms.literals.is_empty() || forms.null || forms.falsehood || forms.truth {
            return Ok(false);
        }
        for numbers in &forms.numbers {
            if !numbers.texts().is_never()? {
                return Ok(false);
            }
        }
        for strings in &forms.strings {
            if !strings.texts.is_never()? {
                return Ok(false);
            }
        }
        for array in &forms.arrays {
            let mut possible = array.max.is_none_or(|max| array.min <= max);
            for index in 0..array.min.min(16) as usize {
                possible = possible && !self.is_empty(Goal::of_element(array, index), look + 1)?;
            }
            if possible {
                return Ok(false);
            }
        }
        for object in &forms.objects {
            let mut possible = object.max.is_none_or(|max| object.min <= max);
            for name in &object.required {
                let value = object.value_of(name)?;
                possible = possible && !self.is_empty(&value, look + 1)?;
            }
            if possible {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Counts the work to combine two sets.
fn spend_on_both(a: &Forms, b: &Forms) -> Result<(), ConstraintError> {
    let sizes = |forms: &Forms| forms.objects.iter().map(Object::size).sum::<usize>();
    // Names are compared one by one.
    let objects =
        sizes(a).saturating_mul(sizes(b)) / 64 + sizes(a) * b.objects.len() + sizes(b) * a.objects.len();
    let others = a.arrays.len() * b.arrays.len()
        + a.numbers.len() * b.numbers.len()
        + a.strings.len() * b.strings.len();
    limits::spend(1 + objects + others + (a.literals.len() + b.literals.len()) / 4)
}

fn pairs<T>(a: &[T], b: &[T], both: impl Fn(&T, &T) -> T) -> Vec<T> {
    a.iter().flat_map(|a| b.iter().map(|b| both(a, b)).collect::<Vec<_>>()).collect()
}

/// A schema whose only valid value is an array or an object.
fn as_schema(literal: &Value) -> Value {
    let constant = |value: &Value| serde_json::json!({ "const": value });
    match literal {
        Value::Array(list) => serde_json::json!({
            "type": "array", "prefixItems": list.iter().map(constant).collect::<Vec<_>>(), "items": false,
            "minItems": list.len(),
        }),
        Value::Object(map) => serde_json::json!({
            "type": "object", "required": map.keys().collect::<Vec<_>>(), "additionalProperties": false,
            "properties": map.iter().map(|(key, value)| (key.clone(), constant(value)))
                .collect::<serde_json::Map<_, _>>(),
        }),
        other => constant(other),
    }
}

fn smaller(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

impl Array {
    /// The arrays in both sets.
    pub fn and(&self, other: &Self) -> Self {
        let length = self.prefix.len().max(other.prefix.len());
        let element = |index| Goal::of_element(self, index).and(Goal::of_element(other, index));
        Self {
            prefix: (0..length).map(element).collect(),
            rest: self.rest.and(&other.rest),
            min: self.min.max(other.min),
            max: smaller(self.max, other.max),
            contains: self.contains.iter().chain(&other.contains).cloned().collect(),
            unique: self.unique || other.unique,
        }
    }
}

impl Object {
    /// The objects in both sets.
    pub fn and(&self, other: &Self) -> Self {
        let mut out = self.clone();
        other.order.iter().for_each(|name| out.name(name));
        other.required.iter().for_each(|name| out.require(name));
        out.rules.extend(other.rules.iter().cloned());
        out.some.extend(other.some.iter().cloned());
        out.min = self.min.max(other.min);
        out.max = smaller(self.max, other.max);
        out
    }

    /// What the value of a property must be.
    ///
    /// # Errors
    /// If finding out which rules apply takes too much work.
    pub fn value_of(&self, name: &str) -> Result<Goal, ConstraintError> {
        limits::spend(1 + self.rules.len() / 16)?;
        let mut goal = Goal::default();
        for (names, value) in &self.rules {
            if names.has(name)? {
                goal = goal.and(value);
            }
        }
        Ok(goal)
    }
}

impl Names {
    /// Whether a name is in the set.
    ///
    /// # Errors
    /// If finding out takes too much work.
    pub fn has(&self, name: &str) -> Result<bool, ConstraintError> {
        match self {
            Self::One(only) => Ok(&**only == name),
            Self::Except(others) => Ok(!others.iter().any(|other| &**other == name)),
            Self::Of(pattern) => pattern.matches(name),
        }
    }
}
