//! Sets of JSON values, type by type.

use std::rc::Rc;

use serde_json::Value;

use super::number::Numbers;
use super::sources::{NOTHING, Node};
use crate::pattern::Pattern;

/// Subschemas that a value must all be valid by, or (`false`) not. Sorted; empty: any value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Goal(Rc<[(Node, bool)]>);

impl Goal {
    /// Valid by a subschema.
    pub fn of(node: Node) -> Self {
        Self([(node, true)].into())
    }

    /// No value.
    pub fn nothing() -> Self {
        Self::of(NOTHING)
    }

    /// Not valid by a subschema.
    pub fn not(node: Node) -> Self {
        Self([(node, false)].into())
    }

    /// Both.
    pub fn and(&self, other: &Self) -> Self {
        let mut terms: Vec<_> = self.0.iter().chain(&*other.0).copied().collect();
        terms.sort_unstable();
        terms.dedup();
        Self(terms.into())
    }

    /// The subschemas, and whether the value must be valid by them.
    pub fn terms(&self) -> &[(Node, bool)] {
        &self.0
    }
}

/// Most single values that are compared with others.
const LONG: usize = 200;

/// A set of values: the union of its parts.
#[derive(Clone, Debug, Default)]
pub struct Forms {
    /// Single values.
    pub literals: Vec<Value>,
    pub null: bool,
    pub falsehood: bool,
    pub truth: bool,
    pub numbers: Vec<Numbers>,
    pub strings: Vec<Strings>,
    pub arrays: Vec<Array>,
    pub objects: Vec<Object>,
}

/// A set of strings.
#[derive(Clone, Debug)]
pub struct Strings {
    /// Their texts.
    pub texts: Pattern,
    /// Whether only the length is limited.
    pub length_only: bool,
}

/// A set of arrays: those that fulfil all of this.
#[derive(Clone, Debug, Default)]
pub struct Array {
    /// The first elements.
    pub prefix: Vec<Goal>,
    /// The elements after them.
    pub rest: Goal,
    pub min: u32,
    pub max: Option<u32>,
    pub contains: Vec<Contains>,
    /// Whether all elements differ.
    pub unique: bool,
}

/// Elements that an array must have.
#[derive(Clone, Debug)]
pub struct Contains {
    /// The subschema that they are valid by, or (`false`) not.
    pub term: (Node, bool),
    /// The first element that counts.
    pub from: usize,
    pub min: u32,
    pub max: Option<u32>,
}

/// A set of objects: those that fulfil all of this.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Names in the order in which they are written.
    pub order: Vec<Rc<str>>,
    pub required: Vec<Rc<str>>,
    /// What the values of all properties of these names must be.
    pub rules: Vec<(Names, Goal)>,
    pub min: u32,
    pub max: Option<u32>,
    /// Sets of properties; one of each set must exist.
    pub some: Vec<(Names, Goal)>,
}

/// A set of names of properties.
#[derive(Clone, Debug)]
pub enum Names {
    One(Rc<str>),
    /// All but these.
    Except(Vec<Rc<str>>),
    Of(Pattern),
}

impl Goal {
    /// Valid by a subschema, or (`false`) not.
    pub fn of_term(term: (Node, bool)) -> Self {
        Self([term].into())
    }

    /// What an element of an array must be.
    pub fn of_element(array: &Array, index: usize) -> &Self {
        array.prefix.get(index).unwrap_or(&array.rest)
    }
}

impl Forms {
    /// All values.
    pub fn all() -> Self {
        Self {
            literals: Vec::new(),
            null: true,
            falsehood: true,
            truth: true,
            numbers: vec![Numbers::all()],
            strings: vec![Strings { texts: Pattern::all(), length_only: true }],
            arrays: vec![Array::default()],
            objects: vec![Object::default()],
        }
    }

    /// Everything of both.
    pub fn union(mut self, other: Self) -> Self {
        let known = self.literals.len();
        for literal in other.literals {
            // Equal values in a long list only take room.
            if known > LONG || !self.literals[..known].contains(&literal) {
                self.literals.push(literal);
            }
        }
        self.null |= other.null;
        self.falsehood |= other.falsehood;
        self.truth |= other.truth;
        self.numbers.extend(other.numbers);
        self.strings.extend(other.strings);
        self.arrays.extend(other.arrays);
        self.objects.extend(other.objects);
        self
    }

    /// Number of alternatives.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.strings.len() + self.arrays.len() + self.objects.len()
    }
}

impl Object {
    /// How much there is to compare and copy.
    pub fn size(&self) -> usize {
        1 + self.order.len() + self.required.len() + self.rules.len()
    }

    /// Adds a name to those that are written in order.
    pub fn name(&mut self, name: &str) {
        if !self.order.iter().any(|known| &**known == name) {
            self.order.push(name.into());
        }
    }

    /// Requires a property.
    pub fn require(&mut self, name: &str) {
        self.name(name);
        if !self.required.iter().any(|known| &**known == name) {
            self.required.push(name.into());
        }
    }

    /// Objects with a property.
    pub fn with(name: &str, value: Goal) -> Self {
        let mut object = Self::default();
        object.require(name);
        object.rules.push((Names::One(name.into()), value));
        object
    }

    /// Objects without a property.
    pub fn without(name: &str) -> Self {
        let mut object = Self::default();
        object.name(name);
        object.rules.push((Names::One(name.into()), Goal::nothing()));
        object
    }
}
