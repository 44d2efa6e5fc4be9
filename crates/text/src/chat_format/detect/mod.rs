//! Finds a model's format from its chat template.
//!
//! Small conversations with words that no template contains are rendered, and what the template writes around
//! these words shows the format. Several formats may fit: the one that reads back most of some other turns is
//! taken. A format that cannot read a single call is not, unless calls look like Python's. Only what no template
//! writes is found in its source: the channels of harmony, some marks of reasoning and answers, and a few formats of
//! calls that their templates neither describe nor repeat.

mod calls;
mod described;
mod read_back;
mod reasoning;
mod shapes;
mod tagged;

use serde_json::{Map, Value, json};

use super::{
    ArgumentsForm, CallFormat, CallKind, ChatFormat, IdStyle, Marks, ReasoningFormat, ThinkingSwitch, tags,
};
use crate::{ChatContext, ChatTemplate, LocalTime};

impl ChatFormat {
    /// Finds the format of a model by rendering its chat template; `source` is the template's text. A template
    /// that fails or shows nothing gets the [generic](Self::generic) format.
    #[must_use]
    pub fn detect(template: &ChatTemplate, source: &str, now: LocalTime) -> Self {
        let probe = Probe::new(template, now);
        let arguments = calls::arguments_form(&probe);
        if source.contains("<|channel|>") && source.contains("<|message|>") {
            return harmony(arguments);
        }
        let found = recipients(&probe).unwrap_or_else(|| reasoning::detect(&probe, source));
        let ids = if calls::takes_short_ids(&probe) { IdStyle::NineAlphanumeric } else { IdStyle::Any };
        let found = Self { arguments, ids, ..found };
        let calls_without_lists = || {
            let template = ChatTemplate::new(&without_appending(source)?, "", template.eos()).ok()?;
            calls::detect(&Probe::new(&template, now), &found).best
        };
        let calls::Detected { best, python } = calls::detect(&probe, &found);
        let mut format = best.or_else(calls_without_lists).unwrap_or_else(|| {
            let describes = probe.describes_tools();
            let described = if describes { described::detect(&probe, &found) } else { None };
            match (described, python) {
                (None, Some(format)) => format,
                (described, _) => Self { calls: described.unwrap_or_else(CallFormat::generic), ..found },
            }
        });
        // Built-in tools of Llama 3 begin with this mark, and so do calls of some fine-tunes.
        let calls = &mut format.calls;
        let bare = calls.section.open.is_empty() && calls.call.open.is_empty();
        if bare && matches!(calls.kind, CallKind::Json(_)) && source.contains("ipython") {
            calls.other_opens.push("<|python_tag|>".into());
        }
        format
    }
}

/// The source without the tags that append to lists. Python's sandbox forbids that, so a template that keeps the ids
/// of calls in a list cannot show them: an answer is read, but a conversation with its calls is rejected. `None` if
/// there are no such tags.
fn without_appending(source: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = source;
    while let Some((before, tag)) = rest.split_once("{%") {
        let (tag, after) = tag.split_once("%}")?;
        // The white space around the tag stays as it was.
        let sign = |c: Option<char>| c.filter(|c| "-+".contains(*c)).map(String::from).unwrap_or_default();
        let nothing = format!("{} set _ = 0 {}", sign(tag.chars().next()), sign(tag.chars().next_back()));
        out.extend([before, "{%", if tag.contains(".append(") { &nothing } else { tag }, "%}"]);
        rest = after;
    }
    out.push_str(rest);
    (out != source).then_some(out)
}

/// OpenAI's harmony, which its template writes in full only for some turns.
fn harmony(arguments: ArgumentsForm) -> ChatFormat {
    ChatFormat {
        reasoning: Some(ReasoningFormat {
            marks: Marks::new("<|channel|>analysis<|message|>", "<|end|>"),
            prompt_opens: false,
            anywhere: true,
        }),
        calls: CallFormat::of(CallKind::Harmony, Marks::default(), Marks::default()),
        arguments,
        ..ChatFormat::generic()
    }
}

/// The marks of messages to recipients, if earlier reasoning is one to the model itself.
fn recipients(probe: &Probe<'_>) -> Option<ChatFormat> {
    let prompt = probe.render(&[probe.question(), with_thought(probe.answer())], Setting::default())?;
    let marks = Marks::new(" to=self<|message|>", "<|eom|>");
    prompt.contains(&format!("{}{THOUGHT}{}", marks.open, marks.close)).then(|| ChatFormat {
        reasoning: Some(ReasoningFormat { marks, prompt_opens: false, anywhere: true }),
        recipients: true,
        ..ChatFormat::generic()
    })
}

/// Words that no template contains. None is part of another, the answer begins unlike the names, and keys are
/// in alphabetical order, because some templates sort them.
const QUESTION: &str = "zqquestion";
const ANSWER: &str = "xjanswer";
const THOUGHT: &str = "zqthought";
const RESULT: &str = "zqresult";
const NAMES: [&str; 2] = ["zqfirst", "zqsecond"];
const KEYS: [&str; 4] = ["zqalpha", "zqbeta", "zqdelta", "zqgamma"];
/// The value of the first key.
const TEXT: &str = "zqtext";
/// The value of the second key.
const NUMBER: i64 = 70717;
/// Ids that every template accepts: some want nine letters or digits.
const IDS: [&str; 2] = ["zqid00001", "zqid00002"];

/// Maximum length of a prompt in bytes. A real one is much shorter.
const LONGEST: usize = 1 << 16;

/// Where a template looks for tools.
#[derive(Clone, Copy)]
enum ToolsAt {
    /// In the variable `tools`.
    Variable,
    /// In the variable `functions`, as a string of JSON.
    Text,
    /// In this field of the instructions, as a string of JSON.
    Field(&'static str),
}

/// A template to render.
#[derive(Clone)]
struct Probe<'a> {
    template: &'a ChatTemplate,
    now: LocalTime,
    /// Whether it takes content only as a list of parts.
    parts: bool,
    /// Whether a conversation must begin with instructions.
    instructs: bool,
    tools: ToolsAt,
    /// What turns thinking on and off.
    switches: Vec<ThinkingSwitch>,
}

/// What is set besides the messages.
#[derive(Clone, Copy, Default)]
struct Setting {
    tools: bool,
    asks: bool,
    thinks: Option<bool>,
    /// Whether instructions come first.
    instructs: bool,
}

impl<'a> Probe<'a> {
    fn new(template: &'a ChatTemplate, now: LocalTime) -> Self {
        let of = |parts, instructs| Self {
            template,
            now,
            parts,
            instructs,
            tools: ToolsAt::Variable,
            switches: Vec::new(),
        };
        let shows = |probe: &Self| {
            let prompt = probe.render(&[probe.question()], Setting { asks: true, ..Setting::default() });
            prompt.is_some_and(|prompt| prompt.contains(QUESTION))
        };
        let probes = [of(false, false), of(true, false), of(false, true), of(true, true)];
        let mut found = probes.into_iter().find(shows).unwrap_or_else(|| of(false, false));
        found.switches = found.find_switches();
        if !found.describes_tools() {
            let others = [ToolsAt::Field("tools"), ToolsAt::Field("functions"), ToolsAt::Text];
            let mut others = others.into_iter().map(|tools| Self { tools, ..found.clone() });
            if let Some(other) = others.find(Self::describes_tools) {
                return other;
            }
        }
        found
    }

    /// The switches with an effect on a question, and guesses: others may have one on answers.
    fn find_switches(&self) -> Vec<ThinkingSwitch> {
        let render = |name: &str, value: &Value| {
            let mut context = self.context(&[self.question()], Setting { asks: true, ..Setting::default() });
            context.extra.insert(name.to_owned(), value.clone());
            self.template.render(&context).ok()
        };
        let mut switches = ThinkingSwitch::of(self.template, &render);
        for guess in [ThinkingSwitch::usual()].into_iter().chain(ThinkingSwitch::guesses(self.template)) {
            if switches.iter().all(|it| it.name != guess.name) {
                switches.push(guess);
            }
        }
        switches
    }

    fn render(&self, messages: &[Value], setting: Setting) -> Option<String> {
        let prompt = self.template.render(&self.context(messages, setting)).ok();
        prompt.filter(|prompt| prompt.len() <= LONGEST)
    }

    fn context(&self, messages: &[Value], setting: Setting) -> ChatContext<Vec<Value>> {
        let mut conversation = Vec::with_capacity(messages.len() + 1);
        let tools = || -> Value { NAMES.iter().map(|name| tool(name)).collect() };
        let place = setting.tools.then_some(self.tools);
        let in_instructions = matches!(place, Some(ToolsAt::Field(_)));
        if self.instructs || setting.instructs || in_instructions {
            conversation.push(json!({ "role": "system", "content": self.content("Be brief.") }));
        }
        if let Some(ToolsAt::Field(field)) = place {
            conversation[0][field] = tools().to_string().into();
        }
        conversation.extend_from_slice(messages);
        let mut context = ChatContext::new(conversation, self.now);
        context.add_generation_prompt = setting.asks;
        match place {
            Some(ToolsAt::Variable) => context.tools = Some(tools()),
            Some(ToolsAt::Text) => _ = context.extra.insert("functions".into(), tools().to_string().into()),
            Some(ToolsAt::Field(_)) | None => {}
        }
        if let Some(thinks) = setting.thinks {
            let switch = |it: &ThinkingSwitch| (it.name.clone(), it.value(thinks));
            context.extra.extend(self.switches.iter().map(switch));
        }
        context
    }

    fn question(&self) -> Value {
        json!({ "role": "user", "content": self.content(QUESTION) })
    }

    fn content(&self, text: &str) -> Value {
        if self.parts { json!([{ "type": "text", "text": text }]) } else { text.into() }
    }

    fn answer(&self) -> Value {
        json!({ "role": "assistant", "content": self.content(ANSWER) })
    }

    /// An answer after reasoning, as Mistral's templates take it.
    fn thought_and_answer_in_parts(&self) -> Value {
        json!({ "role": "assistant", "content": [
            { "type": "thinking", "thinking": THOUGHT }, { "type": "text", "text": ANSWER },
        ] })
    }

    /// An answer after reasoning, as Apertus' template takes it.
    fn thought_and_answer_in_blocks() -> Value {
        json!({ "role": "assistant", "content": { "blocks": [
            { "type": "thoughts", "text": THOUGHT }, { "type": "response", "text": ANSWER },
        ] } })
    }

    /// The result of the first call.
    fn result(&self, id: &str) -> Value {
        let content = self.content(RESULT);
        json!({ "role": "tool", "name": NAMES[0], "tool_call_id": id, "content": content })
    }

    fn empty(&self) -> Value {
        if self.parts { json!([]) } else { "".into() }
    }

    /// Whether the template shows the tools; some do so only after instructions.
    fn describes_tools(&self) -> bool {
        [false, true].iter().any(|instructs| {
            let setting = Setting { tools: true, asks: true, instructs: *instructs, ..Setting::default() };
            let prompt = self.render(&[self.question()], setting);
            prompt.is_some_and(|prompt| NAMES.iter().all(|name| prompt.contains(name)))
        })
    }
}

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": {
        "name": name,
        "description": "Probe.",
        "parameters": {
            "type": "object",
            "properties": {
                KEYS[0]: { "type": "string", "description": "Probe." },
                KEYS[1]: { "type": "integer", "description": "Probe." },
            },
            "required": [KEYS[0]],
        },
    } })
}

/// Arguments for a call.
fn arguments() -> Map<String, Value> {
    Map::from_iter([(KEYS[0].to_owned(), TEXT.into()), (KEYS[1].to_owned(), NUMBER.into())])
}

/// The length of what two texts have in common at the start, but no part of a tag of `a`.
fn common_length(a: &str, b: &str) -> usize {
    let same = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    tags::floor(a, same.map_or(a.len().min(b.len()), |((at, _), _)| at))
}

/// The message with reasoning, which is given in all fields that templates read.
fn with_thought(mut message: Value) -> Value {
    for field in ["reasoning_content", "reasoning", "thinking"] {
        message[field] = THOUGHT.into();
    }
    message
}
