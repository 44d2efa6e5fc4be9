//! Finds the marks around reasoning, and around the answer after it.

use std::collections::HashSet;

use serde_json::Value;

use super::{ANSWER, Probe, QUESTION, Setting, THOUGHT, common_length, with_thought};
use crate::chat_format::{ChatFormat, Marks, ReasoningFormat, tags};

/// Apriel's models begin with a sentence, which its templates do not write for all turns, and put this before
/// the answer.
const FINAL_RESPONSE: &str = "[BEGIN FINAL RESPONSE]";
/// Some of them also put this after it.
const END_OF_RESPONSE: &str = "[END FINAL RESPONSE]";

/// The generic format with the marks of reasoning and of the answer. They come from earlier turns, the start of the
/// answer, the source, and the instructions.
pub(super) fn detect(probe: &Probe<'_>, source: &str) -> ChatFormat {
    let prompts = generation_prompts(probe);
    let format = ChatFormat::generic();
    if source.contains(FINAL_RESPONSE) {
        let marks = Marks::new("Here are my reasoning steps:", FINAL_RESPONSE);
        let prompt_opens = prompts.iter().any(|prompt| prompt.trim_end().ends_with(&marks.open));
        let dropped = source.contains(END_OF_RESPONSE).then(|| END_OF_RESPONSE.to_owned());
        return ChatFormat {
            reasoning: Some(ReasoningFormat { marks, prompt_opens, anywhere: false }),
            dropped: dropped.into_iter().collect(),
            ..format
        };
    }
    let history = in_history(probe, &prompts);
    let instructions = in_instructions(probe);
    let after_reasoning = |found: &Option<Found>| found.as_ref().and_then(|found| found.answer.clone());
    let answer = after_reasoning(&history)
        .or_else(|| after_reasoning(&instructions))
        .or_else(|| around_answer(probe))
        .or_else(|| answer_in_source(source));
    let part_start = history.as_ref().and_then(|found| found.second_turn.clone());
    let mut dropped: Vec<String> = part_start.iter().cloned().collect();
    dropped.extend(after_answer(probe, answer.as_ref()));
    let marks = history
        .map(|found| found.reasoning)
        .or_else(|| in_generation_prompts(&prompts, source))
        .or_else(|| in_source(source))
        .or(instructions.map(|found| found.reasoning));
    let reasoning = marks.map(|marks| ReasoningFormat {
        prompt_opens: prompts.iter().any(|prompt| prompt.trim_end().ends_with(&marks.open)),
        // Such a mark is a control token, not something that an answer explains.
        anywhere: tags::is_distinct(&marks.open)
            && tags::is_distinct(&marks.close)
            && tags::closing_of(&marks.open).is_none_or(|close| close != marks.close),
        marks,
    });
    ChatFormat { reasoning, answer, part_start, dropped, ..format }
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
            let mut open = tags::split(prompt).pop()?;
            // The prompt may end within the mark.
            if open.starts_with('<') && !open.ends_with('>') {
                open.push('>');
            }
            let close = tags::closing_of(&open)?;
            // The template may leave out earlier reasoning without looking for its end.
            (names_reasoning(&open) || source.contains(&close)).then(|| Marks::new(&open, &close))
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

/// The marks of a turn.
struct Found {
    reasoning: Marks,
    answer: Option<Marks>,
    /// What begins the answer, if it is a turn of its own after the reasoning.
    second_turn: Option<String>,
}

fn in_history(probe: &Probe<'_>, prompts: &[String]) -> Option<Found> {
    // Some templates write reasoning only before calls.
    let call = super::calls::one_call(probe);
    let pairs = [
        (probe.answer(), with_thought(probe.answer())),
        (probe.answer(), probe.thought_and_answer_in_parts()),
        (probe.answer(), Probe::thought_and_answer_in_blocks()),
        (call.clone(), with_thought(call)),
    ];
    let settings = [Some(true), None];
    pairs
        .iter()
        .find_map(|pair| settings.iter().find_map(|thinks| around_thought(probe, prompts, pair, *thinks)))
}

fn around_thought(
    probe: &Probe<'_>,
    prompts: &[String],
    pair: &(Value, Value),
    thinks: Option<bool>,
) -> Option<Found> {
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
    let after_close = between.trim_start()[close.len()..].trim_start();
    let after_answer = tags::split(after).into_iter().next();
    // A prompt may also end with the answer's own mark.
    let second_turn = prompts.iter().find_map(|prompt| start_of_turn(prompt, after_close));
    let second_turn = second_turn.filter(|start| {
        let is_own = |end: &String| end != close && tags::is_pair(start, end);
        !after_answer.as_ref().is_some_and(is_own)
    });
    let last = &before[last_tag.clone()];
    let open = if tags::is_pair(last, close) || before[header..].trim().is_empty() {
        last
    } else {
        before[header..].trim()
    };
    let before_answer = tags::split(&after_close[second_turn.map_or(0, str::len)..]);
    let answer = before_answer.first().and_then(|open| {
        let close = after_answer.as_ref()?;
        (second_turn.is_some() || tags::is_pair(open, close)).then(|| Marks::new(open, close))
    });
    // A word suffices in the header of a turn, because it only counts where an answer starts.
    let is_mark = tags::is_distinct(open) || second_turn.is_some() && !open.is_empty();
    let second_turn = second_turn.map(str::to_owned);
    let reasoning = Marks::new(open, close);
    (is_mark && !close.is_empty()).then_some(Found { reasoning, answer, second_turn })
}

/// The end of the prompt for an answer that `text` begins with.
fn start_of_turn<'t>(prompt: &str, text: &'t str) -> Option<&'t str> {
    let starts = tags::spans(prompt).into_iter().map(|span| prompt[span.start..].trim_end());
    let mut starts = starts.filter(|start| tags::is_distinct(start));
    starts.find(|start| text.starts_with(start)).map(|start| &text[..start.len()])
}

/// Marks around every answer.
fn around_answer(probe: &Probe<'_>) -> Option<Marks> {
    // Without thinking, the prompt may hold empty reasoning, which earlier answers do not have.
    [None, Some(true)].into_iter().find_map(|thinks| {
        let setting = Setting { thinks, ..Setting::default() };
        let asked = probe.render(&[probe.question()], Setting { asks: true, ..setting })?;
        let answered = probe.render(&[probe.question(), probe.answer()], setting)?;
        let (before, after) = answered.split_once(ANSWER)?;
        let open = tags::split(before.strip_prefix(asked.trim_end())?).pop()?;
        let close = tags::split(after).into_iter().next()?;
        tags::is_pair(&open, &close).then(|| Marks::new(&open, &close))
    })
}

/// The marks between an answer's own and the end of its turn.
fn after_answer(probe: &Probe<'_>, answer: Option<&Marks>) -> Vec<String> {
    let prompt = probe.render(&[probe.question(), probe.answer()], Setting::default());
    let Some((prompt, answer)) = prompt.as_deref().zip(answer) else { return Vec::new() };
    let mut tags = prompt.rsplit_once(ANSWER).map_or_else(Vec::new, |(_, after)| tags::split(after));
    if tags.first() != Some(&answer.close) {
        return Vec::new();
    }
    // The last one ends the turn.
    tags.pop();
    tags.into_iter().skip(1).filter(|tag| tags::is_distinct(tag)).collect()
}

/// Marks that the template does not write, but names: some cut earlier answers at them.
fn answer_in_source(source: &str) -> Option<Marks> {
    let marks = Marks::new("<answer>", "</answer>");
    (source.contains(&marks.open) && source.contains(&marks.close)).then_some(marks)
}

/// Whether a mark's name says that it is about reasoning.
fn names_reasoning(mark: &str) -> bool {
    let mark = mark.to_ascii_lowercase();
    ["think", "thought", "reason"].iter().any(|word| mark.contains(word))
}

/// Maximum length of a mark in bytes that is found in the source.
const LONGEST: usize = 40;

/// A closing mark at which the template cuts earlier answers.
fn in_source(source: &str) -> Option<Marks> {
    for start in ["</", "[/", "<|/", "<|end_of_", "<|end_", "<|END_"] {
        for (at, _) in source.match_indices(start) {
            let rest = &source[at..];
            let near = &rest[..rest.floor_char_boundary(LONGEST)];
            let Some(length) = near.find(['>', ']']).map(|end| end + 1) else { continue };
            let close = &rest[..length];
            if !names_reasoning(close) || close.contains(char::is_whitespace) {
                continue;
            }
            let opens = [
                close.replacen('/', "", 1),
                close.replacen("end", "begin", 1),
                close.replacen("end", "start", 1),
                close.replacen("END", "START", 1),
                close.replacen("END", "BEGIN", 1),
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
    let tags: HashSet<&str> = tags::spans(with).into_iter().map(|span| &with[span]).collect();
    let mut pairs = Vec::new();
    for span in tags::spans(with) {
        let open = &with[span];
        let close = tags::closing_of(open).filter(|close| tags.contains(close.as_str()));
        pairs.extend(close.map(|close| Marks::new(open, &close)));
    }
    let reasoning = pairs.iter().find(|marks| names_reasoning(&marks.open))?.clone();
    let adjacent =
        |marks: &&Marks| **marks != reasoning && with.contains(&format!("{}{}", marks.open, marks.close));
    let answer = pairs.iter().find(adjacent).cloned();
    Some(Found { reasoning, answer, second_turn: None })
}
