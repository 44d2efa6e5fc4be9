//! Takes a model's output apart while it is written.

mod after;
mod argument;
mod call;
mod harmony;
mod held;
mod json;
mod marks;
mod named;
mod python;
mod string;
mod tagged;
mod tokens;
mod tools;
mod value;

use serde_json::Value;

use super::ChatFormat;
use super::events::{ChatEnd, ChatEvent};
use call::{CallReader, Step};
use held::Held;
use marks::{Action, Found, Names, Place, Rules};
use tokens::unguarded;
use tools::Tools;

pub(super) use harmony::{HARMONY, RECIPIENTS};
pub(super) use tools::{ArgumentType, of_schema};
pub(super) use value::{Progress, ValueReader};

/// Where the parser's events go.
type Sink<'s> = dyn FnMut(ChatEvent<'_>) + 's;

/// A call that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallInProgress<'a> {
    /// The name of its function; empty if it was not read yet.
    pub name: &'a str,
    /// Whether a mark began it that no ordinary text has.
    pub is_marked: bool,
}

/// Parses a model's output in a [`ChatFormat`].
///
/// The events do not depend on how the text is divided into pieces, except that a text may come in several
/// events. Nothing is taken back, and no mark shows. At most a mark, the white space before it, and the start
/// of a call up to its name are held back; arguments are also held back while they come before the name, in a
/// JSON string, or in tags as numbers and other short values, and so is a comma until what follows it.
/// The parser takes linear time, and a few times the memory of the call that it reads.
#[derive(Clone, Debug)]
pub struct ChatParser {
    rules: Rules,
    tools: Tools,
    /// What is not yet read, from `at`.
    text: String,
    at: usize,
    state: State,
    channel: Channel,
    /// Whether the channel has no text yet.
    at_start: bool,
    /// Whether white space at the start is left out.
    skips_space: bool,
    /// Whether the answer's opening mark was read.
    in_answer: bool,
    /// White space that shows if text follows.
    space: String,
    /// Whether only white space follows the last line break of the text.
    at_line_start: bool,
    /// Control tokens, if the text marks them.
    controls: Vec<String>,
    /// The mark that closes reasoning, or empty.
    close: String,
    /// Whether the answer shows a mark that opens reasoning, so that one that closes it is text, too.
    shows_open: bool,
    call: CallReader,
    held: Option<Box<Held>>,
    /// The marks of messages with a header.
    headers: &'static [&'static str],
    /// The header of a message, as far as it was read.
    header: String,
    /// Whether there was content, or reasoning.
    has_content: bool,
    has_reasoning: bool,
    /// Number of calls so far.
    calls: usize,
    end: Option<ChatEnd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    Call,
    /// The header of a message.
    Header,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Content,
    Reasoning,
}

/// Whether a step read something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    /// It needs more text.
    Wait,
}

impl ChatParser {
    /// A parser for the output after a prompt.
    ///
    /// `tools` are the request's, in OpenAI's form; without any, calls are text. `inside_reasoning`: whether
    /// the prompt ends inside reasoning, see [`ChatFormat::ends_inside_reasoning`].
    #[must_use]
    pub fn new(format: &ChatFormat, tools: Option<&Value>, inside_reasoning: bool) -> Self {
        let tools = Tools::new(tools);
        let headers = format.header_marks();
        Self {
            rules: Rules::new(format, !tools.is_empty()),
            tools,
            text: String::new(),
            at: 0,
            state: if !headers.is_empty() && !inside_reasoning { State::Header } else { State::Text },
            channel: if inside_reasoning { Channel::Reasoning } else { Channel::Content },
            at_start: true,
            skips_space: inside_reasoning,
            in_answer: false,
            space: String::new(),
            at_line_start: false,
            controls: Vec::new(),
            close: format.reasoning.as_ref().map_or_else(String::new, |it| it.marks.close.clone()),
            shows_open: false,
            call: CallReader::new(format),
            held: None,
            headers,
            header: String::new(),
            has_content: false,
            has_reasoning: false,
            calls: 0,
            end: None,
        }
    }

    /// Continues a text that the prompt ends with: white space belongs to it, and what may only come at its
    /// start is text.
    #[must_use]
    pub fn within_text(mut self) -> Self {
        self.state = State::Text;
        (self.at_start, self.skips_space) = (false, false);
        match self.channel {
            Channel::Content => self.has_content = true,
            Channel::Reasoning => self.has_reasoning = true,
        }
        self
    }

    /// Whether the text so far ends within reasoning.
    #[must_use]
    pub fn is_reasoning(&self) -> bool {
        self.state == State::Text && self.channel == Channel::Reasoning
    }

    /// Whether what comes next is text of the answer, or a mark before it.
    #[must_use]
    pub fn is_at_content(&self) -> bool {
        self.is_settled() && self.channel == Channel::Content
    }

    /// The call that is read; `None` outside of calls.
    #[must_use]
    pub fn call_in_progress(&self) -> Option<CallInProgress<'_>> {
        let is_call = self.state == State::Call && !matches!(self.call.step, Step::After);
        is_call.then(|| CallInProgress { name: &self.call.name, is_marked: self.call.names == Names::Any })
    }

    /// Whether all that was read is settled: no mark or call has begun.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.state == State::Text && self.text.is_empty() && self.held.is_none()
    }

    /// Whether the answer's opening mark was read.
    #[must_use]
    pub fn is_in_answer(&self) -> bool {
        self.in_answer
    }

    /// Reads a piece of the output.
    pub fn push(&mut self, piece: &str, sink: &mut dyn FnMut(ChatEvent<'_>)) {
        self.text.push_str(piece);
        self.run(sink);
        self.text.drain(..self.at);
        self.at = 0;
    }

    /// Reads the end of the output. Afterwards the parser must not be used.
    pub fn finish(&mut self, end: ChatEnd, sink: &mut dyn FnMut(ChatEvent<'_>)) {
        self.end = Some(end);
        self.run(sink);
        if let Some(held) = self.held.take() {
            self.end_held(*held, sink);
        } else if self.state == State::Call {
            self.end_of_output_in_call(sink);
        }
        // A header without any mark is text.
        if self.state == State::Header && end == ChatEnd::Stopped && !self.header.contains("<|") {
            self.begin_text(Channel::Content);
            let header = std::mem::take(&mut self.header);
            self.say(&header, sink);
        }
        if !self.space.is_empty() && !self.skips_space {
            let space = std::mem::take(&mut self.space);
            self.emit(&space, sink);
        }
    }

    fn run(&mut self, sink: &mut Sink<'_>) {
        loop {
            let flow = if self.held.is_some() { self.read_held(sink) } else { self.step(sink) };
            if flow == Flow::Wait {
                break;
            }
        }
    }

    fn step(&mut self, sink: &mut Sink<'_>) -> Flow {
        match self.state {
            State::Text => self.read_text(sink),
            State::Call => self.read_call(sink),
            State::Header => self.read_header(),
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn place(&self) -> Place {
        Place {
            channel: self.channel,
            at_start: self.at_start,
            at_line_start: self.at_line_start,
            shows_open: self.shows_open,
            in_answer: self.in_answer,
        }
    }

    fn read_text(&mut self, sink: &mut Sink<'_>) -> Flow {
        if self.at_start {
            let space = self.rest().len() - self.rest().trim_start().len();
            if space > 0 {
                if !self.skips_space {
                    self.space.push_str(&self.text[self.at..self.at + space]);
                }
                self.at += space;
            }
            if self.rest().is_empty() {
                return Flow::Wait;
            }
            let begins = self.rules.begins(self.rest(), self.place(), self.end);
            if matches!(begins, Found::None) && self.channel == Channel::Content && self.begin_unmarked_call()
            {
                return Flow::Next;
            }
        }
        match self.rules.find(self.rest(), self.place(), self.end) {
            // The text before a mark is a step of its own: it may settle what the mark means.
            Found::Mark { at, .. } if at > 0 => {
                self.say_next(at, sink);
                Flow::Next
            }
            Found::Mark { length, action, .. } => {
                self.at += length;
                self.act(action, length, sink);
                Flow::Next
            }
            Found::Partial { at } => {
                self.say_next(at, sink);
                if self.end == Some(ChatEnd::Length) {
                    self.at = self.text.len();
                }
                Flow::Wait
            }
            Found::None => {
                self.say_next(self.rest().len(), sink);
                Flow::Wait
            }
        }
    }

    fn act(&mut self, action: Action, length: usize, sink: &mut Sink<'_>) {
        let before = std::mem::take(&mut self.space);
        let mark = &self.text[self.at - length..self.at];
        match action {
            Action::OpenReasoning if self.at_start || self.rules.reasoning_anywhere => {
                self.begin_text(Channel::Reasoning);
            }
            Action::OpenReasoning => {
                self.shows_open = true;
                let text = before + mark;
                self.say(&text, sink);
            }
            // Without an opening mark, only the mark is left out.
            Action::CloseReasoning if self.channel == Channel::Content && !self.at_start => {
                self.space = before;
            }
            Action::CloseReasoning => self.begin_text(Channel::Content),
            Action::OpenAnswer | Action::CloseAnswer => {
                self.in_answer = action == Action::OpenAnswer;
                self.begin_text(Channel::Content);
            }
            Action::Drop => self.space = before,
            Action::Call { opens, names } => {
                let in_content = self.channel == Channel::Content;
                let text = before + mark;
                if !in_content {
                    self.hold(text.clone());
                }
                self.call.begin(text, opens, if in_content { names } else { Names::Known });
                self.state = State::Call;
            }
            Action::EndMessage { starts_header } => {
                if starts_header {
                    self.at -= length;
                }
                self.state = State::Header;
            }
        }
    }

    /// White space before the channel's text is left out.
    fn begin_text(&mut self, channel: Channel) {
        self.state = State::Text;
        self.channel = channel;
        self.at_start = true;
        self.skips_space = true;
        self.at_line_start = false;
        self.space.clear();
    }

    /// Begins a text that is apart from the channel's text before it.
    fn begin_paragraph(&mut self, channel: Channel) {
        self.begin_text(channel);
        let joins = if channel == Channel::Content { self.has_content } else { self.has_reasoning };
        if joins {
            self.space.push_str("\n\n");
        }
    }

    /// Shows the next `length` bytes; white space at their end only if text follows.
    fn say_next(&mut self, length: usize, sink: &mut Sink<'_>) {
        let text = self.text[self.at..self.at + length].to_owned();
        self.at += length;
        self.say(&text, sink);
    }

    fn say(&mut self, text: &str, sink: &mut Sink<'_>) {
        let trimmed = text.trim_end();
        let has_line = text[trimmed.len()..].contains('\n');
        self.at_line_start = has_line || trimmed.is_empty() && self.at_line_start;
        if trimmed.is_empty() {
            self.space.push_str(text);
            return;
        }
        self.at_start = false;
        self.skips_space = false;
        let said = std::mem::take(&mut self.space) + trimmed;
        self.space.push_str(&text[trimmed.len()..]);
        self.emit(&said, sink);
    }

    fn emit(&mut self, text: &str, sink: &mut Sink<'_>) {
        let text = &*unguarded(text);
        match self.channel {
            Channel::Content => {
                self.has_content = true;
                sink(ChatEvent::Content(text));
            }
            Channel::Reasoning => {
                self.has_reasoning = true;
                sink(ChatEvent::Reasoning(text));
            }
        }
    }
}
