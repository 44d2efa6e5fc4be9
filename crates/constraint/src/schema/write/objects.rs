//! Objects.

use std::collections::BTreeMap;
use std::rc::Rc;

use linnet_text::ConstraintError;

use super::super::forms::{Goal, Names, Object};
use super::super::{too_complex, unsupported};
use super::{Layout, Mark, Writer};
use crate::grammar::Symbol;
use crate::pattern::{Pattern, Spelling};

/// Most kinds of names that rules about names tell apart.
const KINDS: usize = 64;
/// Most states of an object whose properties are counted.
const STATES: usize = 10_000;

/// A kind of names that the schema does not list, with what their values must be.
struct Free {
    names: Pattern,
    spelling: Spelling,
    value: Goal,
}

impl Writer {
    /// Adds the objects of a set to a rule.
    pub fn object(&mut self, rule: usize, object: &Object, path: &Rc<str>) -> Result<(), ConstraintError> {
        let Some(((names, value), others)) = object.some.split_first() else {
            return self.without_some(rule, object, None, path);
        };
        // The property is one that the schema lists, or another.
        let rest = Object { some: others.to_vec(), ..object.clone() };
        for name in &object.order {
            if names.has(name)? {
                self.object(rule, &rest.and(&Object::with(name, value.clone())), path)?;
            }
        }
        if let Names::One(name) = names {
            if !object.order.contains(name) {
                self.object(rule, &rest.and(&Object::with(name, value.clone())), path)?;
            }
            return Ok(());
        }
        if !others.is_empty() {
            return Err(unsupported(path, "several conditions that some property exists are not supported"));
        }
        self.without_some(rule, &rest, Some((names, value)), path)
    }

    /// Objects; with a last property that the schema does not list, if one is given. It is the last because a later
    /// property of the same name would replace it.
    fn without_some(
        &mut self,
        rule: usize,
        object: &Object,
        last: Option<(&Names, &Goal)>,
        path: &Rc<str>,
    ) -> Result<(), ConstraintError> {
        let free = self.free(object, path)?;
        let mut last_members = Vec::new();
        if let Some((names, value)) = last {
            let wanted = pattern(names);
            for kind in &free {
                let names = Pattern::and([kind.names.clone(), wanted.clone()]);
                let kind = Free { names, spelling: Spelling::Short, value: kind.value.and(value) };
                last_members.push(self.member(&kind));
            }
        }
        let members: Vec<Vec<Symbol>> = free.iter().map(|kind| self.member(kind)).collect();
        let member = (!members.is_empty()).then(|| {
            let rule = self.grammar.rule();
            members.into_iter().for_each(|member| self.grammar.add(rule, member));
            Symbol::Rule(rule)
        });
        let required = u32::try_from(object.required.len()).unwrap_or(u32::MAX);
        let named = u32::try_from(object.order.len()).unwrap_or(u32::MAX);
        // Names that the schema does not list may be written twice, and then count once.
        let needed = object.min.saturating_sub(required);
        if needed > 1 && member.is_some() {
            let reason =
                "`minProperties` of more than one property that the schema does not list is not supported";
            return Err(unsupported(path, reason));
        }
        let counted = needed > 0 || object.max.is_some_and(|max| max < named || member.is_some());
        let last = (!last_members.is_empty() || last.is_some()).then_some(last_members);
        let mut body = Body { member, last, ..Body::new(object, counted, None) };
        let inner = self.properties(&mut body, path)?;
        let (open, close) = (self.mark(Mark::OpenObject), self.mark(Mark::CloseObject));
        self.grammar.add(rule, vec![open, inner, close]);
        Ok(())
    }

    fn member(&mut self, kind: &Free) -> Vec<Symbol> {
        vec![self.name(kind.names.clone(), kind.spelling), self.value(&kind.value)]
    }

    /// What is between the brackets: for each listed property and each count of properties before it, a rule for it and
    /// the ones after it. (Without counting, 1 means any count but 0.)
    pub fn properties(&mut self, body: &mut Body<'_>, path: &Rc<str>) -> Result<Symbol, ConstraintError> {
        let mut start = Symbol::Rule(0);
        for index in (0..=body.object.order.len()).rev() {
            let most = u32::try_from(if body.counted { index } else { index.min(1) }).unwrap_or(u32::MAX);
            for count in 0..=most {
                if body.known.len() > STATES {
                    return Err(too_complex(path, "the object has too many combinations of properties"));
                }
                start = self.state(body, index, count, path)?;
                body.known.insert((index, count), start);
            }
        }
        Ok(start)
    }

    fn state(
        &mut self,
        body: &Body<'_>,
        index: usize,
        count: u32,
        path: &Rc<str>,
    ) -> Result<Symbol, ConstraintError> {
        let rule = self.grammar.rule();
        let object = body.object;
        let full = |count: u32| body.counted && object.max.is_some_and(|max| count >= max);
        let Some(name) = object.order.get(index) else {
            self.rest(body, rule, count);
            return Ok(Symbol::Rule(rule));
        };
        if !object.required.contains(name) {
            self.grammar.add(rule, vec![body.known[&(index + 1, count)]]);
        }
        if !full(count) {
            let property = match body.layout {
                Some(layout) => self.property(object, name, layout, count == 0, path)?,
                None => {
                    let comma = (count > 0).then(|| self.mark(Mark::Comma));
                    let goal = object.value_of(name)?;
                    let name = self.name(Pattern::literal(name), Spelling::Short);
                    comma.into_iter().chain([name, self.value(&goal)]).collect()
                }
            };
            let next = if body.counted { count + 1 } else { 1 };
            let next = body.known[&(index + 1, next)];
            self.grammar.add(rule, [property, vec![next]].concat());
        }
        Ok(Symbol::Rule(rule))
    }

    /// The properties that the schema does not list, after `count` others.
    fn rest(&mut self, body: &Body<'_>, rule: usize, count: u32) {
        let comma = self.mark(Mark::Comma);
        let least = if body.counted { body.object.min.saturating_sub(count) } else { 0 };
        let most = body.object.max.filter(|_| body.counted).map(|max| max.saturating_sub(count));
        if body.counted && body.object.max.is_some_and(|max| count > max) {
            return;
        }
        let first = (count == 0).then_some(());
        let Some(member) = body.member else {
            if least == 0 && body.last.is_none() {
                self.grammar.add(rule, Vec::new());
            }
            return;
        };
        // The last property is one of the counted ones.
        let reserved = u32::from(body.last.is_some());
        if most.is_some_and(|most| most < reserved) {
            return;
        }
        let (least, most) = (least.saturating_sub(reserved), most.map(|most| most - reserved));
        let mut runs = Vec::new();
        if first.is_none() {
            runs.push((self.grammar.repeat(&[comma, member], least, most), true));
        } else {
            if least == 0 {
                runs.push((Vec::new(), false));
            }
            if most != Some(0) {
                let more =
                    self.grammar.repeat(&[comma, member], least.saturating_sub(1), most.map(|most| most - 1));
                runs.push(([vec![member], more].concat(), true));
            }
        }
        for (run, some) in runs {
            let Some(last) = &body.last else {
                self.grammar.add(rule, run);
                continue;
            };
            for member in last {
                let comma = some.then_some(comma);
                let end = comma.into_iter().chain(member.iter().copied());
                self.grammar.add(rule, run.iter().copied().chain(end).collect());
            }
        }
    }

    /// The kinds of names that the schema does not list.
    fn free(&mut self, object: &Object, path: &Rc<str>) -> Result<Vec<Free>, ConstraintError> {
        let listed = Pattern::or(object.order.iter().map(|name| Pattern::literal(name)));
        let mut kinds = vec![(listed.complement(), Goal::default())];
        let mut plain = object.order.is_empty();
        for (names, value) in &object.rules {
            let listed = |name: &Rc<str>| object.order.contains(name);
            match names {
                Names::One(_) => continue,
                // These are all names that the schema does not list.
                Names::Except(others) if others.iter().all(listed) => {
                    kinds.iter_mut().for_each(|(_, goal)| *goal = goal.and(value));
                    continue;
                }
                _ => plain = false,
            }
            let wanted = pattern(names);
            let mut split = Vec::new();
            for (names, goal) in kinds {
                let inside = Pattern::and([names.clone(), wanted.clone()]);
                let outside = names.without(wanted.clone());
                if !inside.is_never()? {
                    split.push((inside, goal.and(value)));
                }
                if !outside.is_never()? {
                    split.push((outside, goal));
                }
            }
            kinds = split;
            if kinds.len() > KINDS {
                return Err(too_complex(path, "the rules for names have too many combinations"));
            }
        }
        let mut out = Vec::new();
        let spelling = if plain { Spelling::Any } else { Spelling::Short };
        for (names, value) in kinds {
            // Goals without values are left out, so that the object need not be counted.
            if !value.terms().contains(&(super::super::sources::NOTHING, true))
                && !self.compiler.is_empty(&value, 0)?
            {
                out.push(Free { names, spelling, value });
            }
        }
        Ok(out)
    }
}

/// What is between the brackets of an object.
pub struct Body<'o> {
    object: &'o Object,
    /// Whether the number of properties matters.
    counted: bool,
    /// Any property that the schema does not list.
    member: Option<Symbol>,
    /// The last properties; one of them must be written.
    last: Option<Vec<Vec<Symbol>>>,
    /// The rules after properties and their counts.
    known: BTreeMap<(usize, u32), Symbol>,
    /// How properties are written, if not as in an object with brackets.
    layout: Option<&'o Layout>,
}

impl<'o> Body<'o> {
    /// Only the properties that the schema lists.
    pub fn new(object: &'o Object, counted: bool, layout: Option<&'o Layout>) -> Self {
        Self { object, counted, member: None, last: None, known: BTreeMap::new(), layout }
    }
}

/// Names as a pattern.
fn pattern(names: &Names) -> Pattern {
    match names {
        Names::One(name) => Pattern::literal(name),
        Names::Except(names) => Pattern::or(names.iter().map(|name| Pattern::literal(name))).complement(),
        Names::Of(pattern) => pattern.clone(),
    }
}
