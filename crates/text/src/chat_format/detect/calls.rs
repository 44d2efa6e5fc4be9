//! Finds the format of calls from how the template writes earlier ones.

use serde_json::{Map, Value, json};

use super::read_back::Turns;
use super::shapes;
use super::{ANSWER, IDS, KEYS, NAMES, Probe, RESULT, Setting, arguments, common_length};
use crate::chat_format::{
    ArgumentsForm, CallKind, ChatFormat, FieldKind, HeadField, IdStyle, Marks, ReasoningFormat,
    ids::ID_START, tags,
};

/// Maximum length of a turn in bytes. A real one is much shorter, and the search for JSON takes quadratic time.
const LONGEST: usize = 4096;

/// How a call is given to the template.
#[derive(Clone, Copy)]
pub(super) struct Form {
    arguments: ArgumentsForm,
    /// The content next to the calls: null, or empty.
    null_content: bool,
    /// Whether the id contains the name.
    named_ids: bool,
    /// Whether the result of the call follows.
    has_result: bool,
}

/// What the template writes for one call and for two.
pub(super) struct Samples {
    pub(super) one: String,
    pub(super) two: Option<String>,
    pub(super) ids: [String; 2],
    /// The mark at their start that also ends the prompt for an answer.
    pub(super) begun: String,
    /// Marks around the missing text before them, which they do not have here.
    around_nothing: Vec<String>,
}

/// Formats with calls as the template writes them.
#[derive(Default)]
pub(super) struct Detected {
    /// The one that reads back most of them.
    pub(super) best: Option<ChatFormat>,
    /// Without such a one: Python's calls, which some templates print without the quotes of texts, or with quotes
    /// around all values.
    pub(super) python: Option<ChatFormat>,
}

/// `found` with the format of calls.
pub(super) fn detect(probe: &Probe<'_>, found: &ChatFormat) -> Detected {
    let Some(frame) = Frame::new(probe) else { return Detected::default() };
    let mut best: Option<(usize, ChatFormat)> = None;
    let mut python = None;
    let other = match found.arguments {
        ArgumentsForm::Object => ArgumentsForm::Text,
        ArgumentsForm::Text => ArgumentsForm::Object,
    };
    for form in (0..8).map(|index| Form {
        arguments: if index & 4 == 0 { found.arguments } else { other },
        named_ids: index & 2 != 0,
        has_result: index & 1 != 0,
        null_content: true,
    }) {
        let writers = [true, false].into_iter().filter_map(|null_content| {
            let writer = Writer { probe, form: Form { null_content, ..form }, frame: &frame };
            let samples = writer.samples(found)?;
            Some((writer, samples))
        });
        // The shorter one does not print the missing content.
        let Some((writer, samples)) = writers.min_by_key(|(_, samples)| samples.one.len()) else { continue };
        let candidates = shapes::candidates(&samples);
        if candidates.is_empty() {
            continue;
        }
        let around_nothing = samples.around_nothing.clone();
        let dropped = found.dropped.iter().cloned().chain(writer.hand_over()).chain(around_nothing).collect();
        let answer = found.answer.clone().or_else(|| writer.begun_answer(&samples.begun));
        let found = &ChatFormat { dropped, answer, arguments: form.arguments, ..found.clone() };
        let turns = Turns::new(&writer, &samples.begun, found);
        let pythonic = candidates.iter().find(|calls| calls.kind == CallKind::Pythonic);
        python = python.or_else(|| Some(ChatFormat { calls: pythonic?.clone(), ..found.clone() }));
        let formats = candidates.into_iter().filter_map(|calls| {
            let named = |field: &HeadField| field.kind == FieldKind::NameInId;
            let ids = if calls.head().iter().any(named) { IdStyle::NameAndIndex } else { found.ids };
            let format = ChatFormat { calls, ids, ..found.clone() };
            Some((turns.count_wrong(&format)?, format))
        });
        // The first of the best.
        let Some((wrong, format)) = formats.min_by_key(|(wrong, _)| *wrong) else { continue };
        if wrong == 0 {
            return Detected { best: Some(format), python: None };
        }
        if best.as_ref().is_none_or(|(other, _)| wrong < *other) {
            best = Some((wrong, format));
        }
    }
    Detected { best: best.map(|(_, format)| format), python }
}

/// The form in which the template shows the arguments, as JSON if any: printing a map directly shows Python's
/// quotes.
pub(super) fn arguments_form(probe: &Probe<'_>) -> ArgumentsForm {
    let Some(frame) = Frame::new(probe) else { return ArgumentsForm::Object };
    for has_result in [true, false] {
        let [object, text] = [ArgumentsForm::Object, ArgumentsForm::Text].map(|arguments| {
            let form = Form { arguments, null_content: false, named_ids: false, has_result };
            let writer = Writer { probe, form, frame: &frame };
            writer
                .render(writer.message("", &[(0, super::arguments())]))
                .filter(|prompt| prompt.contains(KEYS[0]))
        });
        let has = |prompt: &String, quote: char| prompt.contains(&format!("{quote}{}{quote}:", KEYS[0]));
        match (object, text) {
            (None, None) => {}
            (Some(object), Some(text)) if has(&object, '\'') && has(&text, '"') => {
                return ArgumentsForm::Text;
            }
            (Some(_), _) => return ArgumentsForm::Object,
            (None, Some(_)) => return ArgumentsForm::Text,
        }
    }
    ArgumentsForm::Object
}

/// A call of a message: the index of its name, and its arguments.
pub(super) type Call = (usize, Map<String, Value>);

/// Writes the assistant's turns with the template.
pub(super) struct Writer<'a> {
    probe: &'a Probe<'a>,
    form: Form,
    frame: &'a Frame,
}

/// What the template writes around the assistant's turns.
struct Frame {
    /// The prompt with an answer.
    plain: String,
    /// The prompt for an answer; empty if the template does not begin one.
    asked: String,
}

impl Frame {
    fn new(probe: &Probe<'_>) -> Option<Self> {
        let setting = Setting { tools: true, ..Setting::default() };
        let plain = probe.render(&[probe.question(), probe.answer()], setting)?;
        plain.contains(ANSWER).then_some(())?;
        // Some templates begin no answer.
        let asks = |asks| probe.render(&[probe.question()], Setting { asks, ..setting });
        let asked = asks(true).filter(|asked| asks(false).is_none_or(|prompt| prompt != *asked));
        Some(Self { plain, asked: asked.unwrap_or_default() })
    }
}

impl Writer<'_> {
    /// The end of a turn.
    fn footer(&self) -> &str {
        self.frame.plain.rfind(ANSWER).map_or("", |at| &self.frame.plain[at + ANSWER.len()..])
    }

    fn ids(&self) -> [String; 2] {
        if self.form.named_ids {
            [0, 1].map(|index| format!("{ID_START}{}:{index}", NAMES[index]))
        } else {
            IDS.map(str::to_owned)
        }
    }

    /// A message with these calls.
    pub(super) fn message(&self, said: &str, calls: &[Call]) -> Value {
        let ids = self.ids();
        let call = |(at, (index, arguments)): (usize, &Call)| {
            let arguments = Value::Object(arguments.clone());
            let arguments = self.form.arguments.form(&arguments);
            let id = if self.form.named_ids {
                format!("{ID_START}{}:{at}", NAMES[*index])
            } else {
                ids[*index].clone()
            };
            let function = json!({ "name": NAMES[*index], "arguments": arguments });
            json!({ "id": id, "type": "function", "function": function })
        };
        let content = match said {
            "" if self.form.null_content => Value::Null,
            "" => self.probe.empty(),
            said => self.probe.content(said),
        };
        let calls: Value = calls.iter().enumerate().map(call).collect();
        json!({ "role": "assistant", "content": content, "tool_calls": calls })
    }

    /// The prompt with a message, and with the results of its calls if the form has them.
    fn render(&self, message: Value) -> Option<String> {
        let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
        let mut messages = vec![self.probe.question(), message];
        if self.form.has_result {
            messages.extend(calls.iter().map(|call| self.probe.result(call["id"].as_str().unwrap_or(""))));
        }
        self.probe.render(&messages, Setting { tools: true, ..Setting::default() })
    }

    /// Cuts what follows the turn, and its usual end. `None` if the rest is too long.
    fn cut<'t>(&self, mut turn: &'t str) -> Option<&'t str> {
        let footer = self.footer();
        if self.form.has_result {
            // What follows the calls up to the result is not known.
            let end = footer.trim();
            turn = &turn[..turn.find(RESULT).unwrap_or(turn.len())];
            turn = if end.is_empty() { turn } else { turn.split(end).next().unwrap_or("") };
        }
        let whole = turn.len();
        for end in [footer, footer.trim(), self.probe.template.eos()] {
            turn = turn.strip_suffix(end).unwrap_or(turn);
        }
        if turn.len() == whole {
            // An answer may also end with a mark of its own.
            turn = &turn[..whole - tags::common_end(turn, footer)];
        }
        (turn.len() <= LONGEST).then_some(turn)
    }

    /// What a model writes to get this message, and whether the prompt has begun its reasoning.
    pub(super) fn turn(&self, message: Value, format: &ChatFormat) -> Option<(String, bool)> {
        let prompt = self.render(message)?;
        let begun = self.frame.asked.trim_end();
        Some(match prompt.strip_prefix(begun).filter(|_| !begun.is_empty()) {
            Some(turn) => (self.cut(turn)?.to_owned(), format.ends_inside_reasoning(begun)),
            None => {
                let turn = self.cut(&prompt[common_length(&prompt, &self.frame.plain)..])?;
                let begun = format.reasoning.as_ref().filter(|reasoning| reasoning.prompt_opens);
                let inside = begun.is_some_and(|ReasoningFormat { marks, .. }| {
                    turn.contains(&marks.close) && !turn.contains(&marks.open)
                });
                (turn.to_owned(), inside)
            }
        })
    }

    /// The mark that both ends the prompt for an answer and is between two calls.
    fn begun(&self, one: &str, two: Option<&str>) -> String {
        let between = two.and_then(|two| Some(two[..two.find(NAMES[1])?].trim_end()));
        let between = between.filter(|_| one.starts_with(NAMES[0])).unwrap_or("");
        let pairs = between.chars().rev().zip(self.frame.asked.trim_end().chars().rev());
        let length: usize = pairs.take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        between[between.len() - length..].trim_start().to_owned()
    }

    /// The mark before an answer after this one.
    fn begun_answer(&self, begun: &str) -> Option<Marks> {
        let after =
            self.frame.plain.strip_prefix(self.frame.asked.trim_end()).filter(|_| !begun.is_empty())?;
        let name = after.split(ANSWER).next()?.trim();
        (!name.is_empty()).then(|| Marks::new(&format!("{begun}{name}"), ""))
    }

    fn samples(&self, found: &ChatFormat) -> Option<Samples> {
        let ids = self.ids();
        let sample = |count: usize| {
            let calls: Vec<Call> = (0..count).map(|index| (index, arguments())).collect();
            let prompt = self.render(self.message("", &calls))?;
            let part = self.cut(&prompt[common_length(&prompt, &self.frame.plain)..])?;
            let mut names = NAMES[..count].iter().zip(&ids);
            let shown = names.all(|(name, id)| part.contains(name) || part.contains(id.as_str()));
            shown.then(|| without_text(part, found))
        };
        let (mut one, mut two) = (sample(1)?, sample(2));
        let around_nothing = marks_around_nothing(&one);
        if !around_nothing.is_empty() {
            for sample in [Some(&mut one), two.as_mut()].into_iter().flatten() {
                if let Some(rest) = sample.trim_start().strip_prefix(&around_nothing.concat()) {
                    *sample = rest.to_owned();
                }
            }
        }
        let begun = self.begun(&one, two.as_deref());
        let after = |text: String| format!("{begun}{text}");
        Some(Samples { one: after(one), two: two.map(after), ids, begun, around_nothing })
    }

    /// Some models end their calls with the mark of the result that follows.
    fn hand_over(&self) -> Option<String> {
        let footer = self.footer().trim();
        let call = || self.message("", &[(0, arguments())]);
        let setting = Setting { tools: true, ..Setting::default() };
        let prompt = self.probe.render(&[self.probe.question(), call()], setting)?;
        let result = self.probe.result(&self.ids()[0]);
        let with_result = self.probe.render(&[self.probe.question(), call(), result], setting)?;
        let start = common_length(&with_result, &prompt);
        let (between, _) = with_result[start..].split_once(RESULT)?;
        // The mark begins where the two begin to differ, or before.
        let tag = tags::split(between).into_iter().next()?;
        let ends_turn = footer.is_empty()
            || tags::common_end(&with_result[..start], footer) > 0
            || between.contains(footer);
        (!ends_turn && tags::is_distinct(&tag)).then_some(tag)
    }
}

/// Two marks at the start that belong together, with nothing between them, as around text in Llama 4's turns with
/// calls.
fn marks_around_nothing(part: &str) -> Vec<String> {
    let mut tags = tags::split(part);
    tags.truncate(2);
    let is_around = matches!(&*tags, [open, close] if tags::is_pair(open, close))
        && part.trim_start().starts_with(&tags.concat());
    if is_around { tags } else { Vec::new() }
}

/// The calls without the headers of messages, without the marks of an empty answer, and without empty reasoning,
/// which some templates write before calls.
fn without_text(part: &str, found: &ChatFormat) -> String {
    if found.recipients {
        let bodies = part.split("<|message|>").skip(1);
        return bodies.filter_map(|body| body.split("<|eom|>").next()).collect();
    }
    let part = without_reasoning(part, found);
    let answer = found.answer.as_ref().filter(|answer| !answer.close.is_empty());
    let rest = answer.and_then(|answer| {
        let part = part.trim_start();
        part.strip_prefix(answer.open.as_str())
            .unwrap_or(part)
            .trim_start()
            .strip_prefix(answer.close.as_str())
    });
    rest.unwrap_or(part).to_owned()
}

fn without_reasoning<'t>(part: &'t str, found: &ChatFormat) -> &'t str {
    let Some(reasoning) = &found.reasoning else { return part };
    let Marks { open, close } = &reasoning.marks;
    let inside =
        part.trim_start().starts_with(open.as_str()) || open.ends_with(part.lines().next().unwrap_or("\0"));
    match part.split_once(close.as_str()) {
        Some((before, after)) if inside || before.trim().is_empty() => after.trim_start(),
        _ => part,
    }
}

/// A message with one call, in the form that most templates take.
pub(super) fn one_call(probe: &Probe<'_>) -> Value {
    let function = json!({ "name": NAMES[0], "arguments": arguments() });
    let call = json!({ "id": IDS[0], "type": "function", "function": function });
    json!({ "role": "assistant", "content": probe.empty(), "tool_calls": [call] })
}

/// Whether the template takes only ids of nine letters or digits.
pub(super) fn takes_short_ids(probe: &Probe<'_>) -> bool {
    let renders = |id: &str| {
        let mut call = one_call(probe);
        call["content"] = Value::Null;
        call["tool_calls"][0]["id"] = id.into();
        let messages = [probe.question(), call, probe.result(id)];
        probe.render(&messages, Setting { tools: true, ..Setting::default() }).is_some()
    };
    renders(IDS[0]) && !renders("call_zq_000001")
}
