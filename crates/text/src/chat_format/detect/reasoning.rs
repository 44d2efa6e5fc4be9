//! Finds the marks around reasoning, and around the answer after it.

use serde_json::Value;

use super::{ANSWER, Probe, QUESTION, Setting, THOUGHT, common_length, with_thought};
use crate::chat_format::{Marks, ReasoningFormat, tags};

/// Finds them in earlier turns, in the start of the answer, in the source, and in the instructions.
pub(super) fn detect(probe: &Probe<'_>, source: &str) -> (Option<ReasoningFormat>, Option<Marks>) {
    let prompts = generation_prompts(probe);
    let history = in_history(probe);
    let instructions = in_instructions(probe);
    let after_reasoning = |found: &Option<Found>| found.as_ref().and_then(|(_, answer)| answer.clone());
    let answer =
        after_reasoning(&history).or_else(|| after_reasoning(&instructions)).or_else(|| around_answer(probe));
    let marks = history
        .map(|(marks, _)| marks)
        .or_else(|| in_generation_prompts(&prompts, source))
        .or_else(|| in_source(source))
        .or(instructions.map(|(marks, _)| marks));
    let reasoning = marks.map(|marks| ReasoningFormat {
        prompt_opens: prompts.iter().any(|prompt| prompt.trim_end().ends_with(&marks.open)),
        // Such a mark is a control token, not something that an answer explains.
        anywhere: tags::closing_of(&marks.open).is_none_or(|close| close != marks.close),
        marks,
    });
    (reasoning, answer)
}

/// What the template adds for the answer, with thinking on, off, and as it is.
fn generation_prompts(probe: &Probe<'_>) -> Vec<String> {
    let settings = [Some(true), Some(false), None];
    let prompts = settings.into_iter().filter_map(|thinks| {
        let prompt =
            probe.render(&[probe.question()], Setting { asks: true, thinks, ..Setting::default() })?;
        Some(prompt.rsplit_once(QUESTION)?.1.to_owned())
    });
    prompts.collect()
}

fn in_generation_prompts(prompts: &[String], source: &str) -> Option<Marks> {
    let pair = prompts.iter().find_map(|prompt| {
        let tags = tags::split(prompt);
        let pair = tags.windows(2).find(|pair| tags::is_pair(&pair[0], &pair[1]));
        pair.map(|pair| Marks::new(&pair[0], &pair[1]))
    });
    let opened = || {
        prompts.iter().find_map(|prompt| {
            let open = tags::split(prompt).pop()?;
            let close = tags::closing_of(&open)?;
            source.contains(&close).then(|| Marks::new(&open, &close))
        })
    };
    // With thinking off, the prompt holds empty reasoning.
    let empty = || {
        let [on, off, ..] = prompts else { return None };
        let added = off.strip_prefix(on.trim_end())?.trim();
        let close = tags::spans(added).pop().filter(|close| close.start > 0)?;
        let open = added[..close.start].trim_end();
        tags::is_distinct(open).then(|| Marks::new(open, &added[close]))
    };
    pair.or_else(opened).or_else(empty)
}

/// The marks of reasoning, and those of the answer.
type Found = (Marks, Option<Marks>);

fn in_history(probe: &Probe<'_>) -> Option<Found> {
    // Some templates write reasoning only before calls.
    let call = super::calls::one_call(probe);
    let pairs = [
        (probe.answer(), with_thought(probe.answer())),
        (probe.answer(), probe.thought_and_answer_in_parts()),
        (call.clone(), with_thought(call)),
    ];
    let settings = [Some(true), None];
    pairs.iter().find_map(|pair| settings.iter().find_map(|thinks| around_thought(probe, pair, *thinks)))
}

fn around_thought(probe: &Probe<'_>, pair: &(Value, Value), thinks: Option<bool>) -> Option<Found> {
    let setting = Setting { thinks, tools: pair.0.get("tool_calls").is_some(), ..Setting::default() };
    let plain = probe.render(&[probe.question(), pair.0.clone()], setting)?;
    let prompt = probe.render(&[probe.question(), pair.1.clone()], setting)?;
    let thought_at = prompt.find(THOUGHT)?;
    let after_thought = &prompt[thought_at + THOUGHT.len()..];
    let (between, after) = after_thought.split_once(ANSWER).unwrap_or((after_thought, ""));
    let header = common_length(&prompt, &plain).min(thought_at);
    let before = &prompt[..thought_at];
    let last_tag = tags::spans(before).pop()?;
    let between_tags = tags::split(between);
    let close = between_tags.first()?;
    let last = &before[last_tag.clone()];
    let open = if tags::is_pair(last, close) || before[header..].trim().is_empty() {
        last
    } else {
        before[header..].trim()
    };
    let answer = between_tags.get(1).and_then(|open| {
        let close = tags::split(after).into_iter().next()?;
        tags::is_pair(open, &close).then(|| Marks::new(open, &close))
    });
    (tags::is_distinct(open) && !close.is_empty()).then(|| (Marks::new(open, close), answer))
}

/// Marks around every answer.
fn around_answer(probe: &Probe<'_>) -> Option<Marks> {
    let setting = Setting::default();
    let asked = probe.render(&[probe.question()], Setting { asks: true, ..setting })?;
    let answered = probe.render(&[probe.question(), probe.answer()], setting)?;
    let (before, after) = answered.split_once(ANSWER)?;
    let open = tags::split(before.strip_prefix(asked.trim_end())?).pop()?;
    let close = tags::split(after).into_iter().next()?;
    tags::is_pair(&open, &close).then(|| Marks::new(&open, &close))
}

/// Whether a mark's name says that it is about reasoning.
fn names_reasoning(mark: &str) -> bool {
    let mark = mark.to_ascii_lowercase();
    ["think", "thought", "reason"].iter().any(|word| mark.contains(word))
}

/// A closing mark at which the template cuts earlier answers.
fn in_source(source: &str) -> Option<Marks> {
    for start in ["</", "[/", "<|/", "<|end_of_", "<|end_"] {
        for (at, _) in source.match_indices(start) {
            let rest = &source[at..];
            let Some(length) = rest.find(['>', ']']).map(|end| end + 1) else { continue };
            let close = &rest[..length];
            if !names_reasoning(close) || close.len() > 40 || close.contains(char::is_whitespace) {
                continue;
            }
            let opens = [
                close.replacen('/', "", 1),
                close.replacen("end", "begin", 1),
                close.replacen("end", "start", 1),
            ];
            let known = opens.iter().find(|open| *open != close && source.contains(open.as_str()));
            return Some(Marks::new(known.unwrap_or(&opens[0]), close))
                .filter(|marks| marks.open != marks.close);
        }
    }
    None
}

/// Pairs of marks in what thinking adds to the instructions.
fn in_instructions(probe: &Probe<'_>) -> Option<Found> {
    let prompt =
        |thinks| probe.render(&[probe.question()], Setting { asks: true, thinks, ..Setting::default() });
    let without = prompt(Some(false)).or_else(|| prompt(None))?;
    let with = prompt(Some(true))?;
    let with = &with[common_length(&with, &without)..];
    let spans = tags::spans(with);
    let pairs = spans.iter().map(|span| &with[span.clone()]).filter_map(|open| {
        let close = tags::closing_of(open)?;
        with.contains(&close).then(|| Marks::new(open, &close))
    });
    let pairs: Vec<Marks> = pairs.collect();
    let reasoning = pairs.iter().find(|marks| names_reasoning(&marks.open))?.clone();
    let adjacent =
        |marks: &&Marks| **marks != reasoning && with.contains(&format!("{}{}", marks.open, marks.close));
    let answer = pairs.iter().find(adjacent).cloned();
    Some((reasoning, answer))
}
