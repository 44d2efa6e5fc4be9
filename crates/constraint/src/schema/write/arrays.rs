//! Arrays.

use std::collections::BTreeMap;
use std::rc::Rc;

use linnet_text::ConstraintError;
use serde_json::Value;

use super::super::forms::{Array, Goal};
use super::super::holds::equal;
use super::super::{too_complex, unsupported};
use super::{Mark, Writer};
use crate::grammar::Symbol;
use crate::limits;

/// Most states of an array whose elements are counted or must differ.
const STATES: usize = 3_000;
/// Work for a kind of elements that may come next.
const PER_KIND: usize = 20;
/// Most different elements of an array whose elements must differ.
const DIFFERENT: usize = 10;

/// What the elements so far leave for the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// Number of elements, up to where they no longer matter.
    index: usize,
    /// For each `contains`, the elements so far, up to where more make no difference.
    counts: Vec<u32>,
    /// Bits of the elements that were written, if all must differ.
    used: u32,
}

impl Writer {
    /// Adds the arrays of a set to a rule.
    pub fn array(&mut self, rule: usize, array: &Array, path: &Rc<str>) -> Result<(), ConstraintError> {
        if array.contains.is_empty() && !(array.unique && array.max.is_none_or(|max| max > 1)) {
            return self.plain_array(rule, array, path);
        }
        let values = if array.unique { self.different(array, path)? } else { Vec::new() };
        let body = self.counted(array, &values, path)?;
        let (open, close) = (self.mark(Mark::OpenArray), self.mark(Mark::CloseArray));
        self.grammar.add(rule, vec![open, Symbol::Rule(body), close]);
        Ok(())
    }

    /// Arrays whose elements do not depend on one another.
    fn plain_array(&mut self, rule: usize, array: &Array, path: &Rc<str>) -> Result<(), ConstraintError> {
        let (open, close) = (self.mark(Mark::OpenArray), self.mark(Mark::CloseArray));
        let comma = self.mark(Mark::Comma);
        if array.min == 0 {
            self.grammar.add(rule, vec![open, close]);
        }
        if array.max == Some(0) {
            return Ok(());
        }
        // The first elements one by one, and from each on the end. At least one, because it has no comma.
        let length = array.prefix.len().max(1);
        if length > STATES {
            return Err(too_complex(path, format!("more than {STATES} elements of their own")));
        }
        let mut symbols = vec![open];
        for index in 0..length {
            if index > 0 {
                symbols.push(comma);
            }
            let element = Goal::of_element(array, index).clone();
            symbols.push(self.value(&element));
            let so_far = self.grammar.rule();
            self.grammar.add(so_far, std::mem::take(&mut symbols));
            symbols = vec![Symbol::Rule(so_far)];
            let count = u32::try_from(index + 1).unwrap_or(u32::MAX);
            if array.max == Some(count) {
                if array.min <= count {
                    self.grammar.add(rule, [symbols, vec![close]].concat());
                }
                return Ok(());
            }
            if array.min <= count && index + 1 < length {
                self.grammar.add(rule, [symbols.clone(), vec![close]].concat());
            }
        }
        let count = u32::try_from(length).unwrap_or(u32::MAX);
        let element = self.value(&array.rest);
        let max = array.max.map(|max| max.saturating_sub(count));
        let more = self.grammar.repeat(&[comma, element], array.min.saturating_sub(count), max);
        self.grammar.add(rule, [symbols, more, vec![close]].concat());
        Ok(())
    }

    /// The rule of what is between the brackets of an array whose elements are counted or must differ.
    fn counted(&mut self, array: &Array, values: &[Value], path: &Rc<str>) -> Result<usize, ConstraintError> {
        let from = array.contains.iter().map(|contains| contains.from).max().unwrap_or(0);
        let last =
            [array.min, array.max.unwrap_or(0)].map(|count| count as usize).into_iter().max().unwrap_or(0);
        let last = last.max(array.prefix.len()).max(from).max(1);
        let start = State { index: 0, counts: vec![0; array.contains.len()], used: 0 };
        let body = self.grammar.rule();
        let mut known = BTreeMap::from([(start.clone(), body)]);
        let mut waiting = vec![start];
        while let Some(state) = waiting.pop() {
            let rule = known[&state];
            let index = u32::try_from(state.index).unwrap_or(u32::MAX);
            let enough = array.contains.iter().zip(&state.counts).all(|(it, count)| *count >= it.min);
            if index >= array.min && enough {
                self.grammar.add(rule, Vec::new());
            }
            if array.max.is_some_and(|max| index >= max) {
                continue;
            }
            for (element, next) in self.elements(array, values, &state, last)? {
                let next_rule = match known.get(&next) {
                    Some(&rule) => rule,
                    None => {
                        if known.len() >= STATES {
                            return Err(too_complex(path, "the array's elements have too many combinations"));
                        }
                        let rule = self.grammar.rule();
                        known.insert(next.clone(), rule);
                        waiting.push(next);
                        rule
                    }
                };
                let comma = (state.index > 0).then(|| self.mark(Mark::Comma));
                let right = comma.into_iter().chain(element).chain([Symbol::Rule(next_rule)]).collect();
                self.grammar.add(rule, right);
            }
        }
        Ok(body)
    }

    /// The kinds of elements that may come next, with the state after each.
    fn elements(
        &mut self,
        array: &Array,
        values: &[Value],
        state: &State,
        last: usize,
    ) -> Result<Vec<(Vec<Symbol>, State)>, ConstraintError> {
        let mut kinds = vec![(Goal::of_element(array, state.index).clone(), state.counts.clone())];
        for (at, contains) in array.contains.iter().enumerate() {
            if state.index < contains.from {
                continue;
            }
            let (node, positive) = contains.term;
            let most = contains.max.unwrap_or(contains.min);
            limits::spend(kinds.len() * PER_KIND)?;
            let mut split = Vec::new();
            for (goal, counts) in kinds {
                if counts[at] < most {
                    let mut more = counts.clone();
                    more[at] += 1;
                    split.push((goal.and(&Goal::of_term((node, positive))), more));
                }
                // Without an upper bound, an element that would count need not.
                let other = Goal::of_term((node, !positive));
                split.push((if contains.max.is_some() { goal.and(&other) } else { goal }, counts));
            }
            kinds = split;
        }
        let index = (state.index + 1).min(last);
        let mut out = Vec::new();
        for (goal, counts) in kinds {
            if !array.unique {
                let value = self.value(&goal);
                out.push((vec![value], State { index, counts, used: 0 }));
                continue;
            }
            for (bit, value) in values.iter().enumerate().filter(|(bit, _)| state.used & (1 << bit) == 0) {
                let fits = self.compiler.forms(&goal).and_then(|forms| self.compiler.holds(&forms, value));
                if fits == Ok(true) {
                    let next = State { index, counts: counts.clone(), used: state.used | 1 << bit };
                    out.push((self.literal(value), next));
                }
            }
        }
        Ok(out)
    }

    /// The values that the elements of an array can have, if they are few.
    fn different(&mut self, array: &Array, path: &Rc<str>) -> Result<Vec<Value>, ConstraintError> {
        let mut values: Vec<Value> = Vec::new();
        let rest =
            (array.max.is_none_or(|max| max as usize > array.prefix.len())).then(|| array.rest.clone());
        for goal in array.prefix.iter().cloned().chain(rest) {
            let forms = self.compiler.forms(&goal)?;
            if forms.len() > 0 {
                // Arrays of at most one element never get here.
                return Err(unsupported(path, "`uniqueItems` is only supported for elements of an `enum`"));
            }
            let fixed =
                [(forms.null, Value::Null), (forms.falsehood, false.into()), (forms.truth, true.into())];
            let fixed = fixed.into_iter().filter(|(has, _)| *has).map(|(_, value)| value);
            for value in fixed.chain(forms.literals.iter().cloned()) {
                if !values.iter().any(|known| equal(known, &value)) {
                    values.push(value);
                }
            }
        }
        if values.len() > DIFFERENT {
            let reason =
                format!("`uniqueItems` for more than {DIFFERENT} different elements is not supported");
            return Err(unsupported(path, reason));
        }
        Ok(values)
    }
}
