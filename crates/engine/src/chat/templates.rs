//! The chat templates of a file.

use linnet_gguf::Metadata;
use linnet_text::{ChatFormat, LocalTime, TextError, Tokenizer};

use super::{AnswerStart, Chat};
use crate::engine::ReasoningSupport;
use crate::{Error, Request};

/// A model's chat template, and those that its file has for tools and for documents.
#[derive(Debug)]
pub struct ChatTemplates {
    default: Chat,
    tool_use: Option<Chat>,
    rag: Option<Chat>,
}

impl ChatTemplates {
    /// Compiles the templates of a file and detects their features. `None` if it has no
    /// `tokenizer.chat_template`; the inner error says why that is not a template. A named template that does
    /// not compile is not used.
    ///
    /// # Errors
    /// [`Error::Gguf`] if the template is not a string.
    pub fn from_gguf(
        metadata: &Metadata,
        tokenizer: &Tokenizer,
        now: LocalTime,
    ) -> Result<Option<Result<Self, TextError>>, Error> {
        const KEY: &str = "tokenizer.chat_template";
        let Some(source) = metadata.str(KEY)? else { return Ok(None) };
        let new = |source: &str| Chat::new(source, tokenizer, now);
        let named = |name: &str| {
            let source = metadata.str(&format!("{KEY}.{name}")).ok().flatten()?;
            new(source).ok().filter(Chat::is_usable)
        };
        let templates = |default| ChatTemplates { default, tool_use: named("tool_use"), rag: named("rag") };
        Ok(Some(new(source).map(templates)))
    }

    /// Whether they can be used.
    pub fn is_usable(&self) -> bool {
        self.default.is_usable()
    }

    /// How the model marks its reasoning and its tool calls in a request with tools.
    pub fn format(&self) -> &ChatFormat {
        &self.tool_use.as_ref().unwrap_or(&self.default).format
    }

    /// Whether the template for a request with tools shows them. Otherwise the prompt describes them in a
    /// system message, and asks for calls in the form of the template if it
    /// [shows calls](Self::shows_calls), or else as JSON between `<tool_call>` and `</tool_call>`.
    pub fn shows_tools(&self) -> bool {
        self.tool_use.as_ref().unwrap_or(&self.default).shows_tools()
    }

    /// Whether the template for a request with tools shows past calls.
    pub fn shows_calls(&self) -> bool {
        self.tool_use.as_ref().unwrap_or(&self.default).shows_calls()
    }

    /// The prompt of a request's `messages`, with a guard wherever they spell a control token (see
    /// [`Tokenizer::guard`]).
    ///
    /// # Errors
    /// [`Error::Text`] if the template rejects the messages or fails, [`Error::TextLost`] if it leaves out a
    /// message, [`Error::InvalidRequest`] for an invalid request, or if it cannot show the documents.
    pub fn prompt(&self, request: &Request, tokenizer: &Tokenizer, now: LocalTime) -> Result<String, Error> {
        request.check()?;
        self.of(request).prompt(request, tokenizer, now)
    }

    /// Like [`Self::prompt`], and extends the prompt to the start of the call that the request asks for. Also
    /// returns how to read the answer.
    ///
    /// # Errors
    /// Those of [`Self::prompt`].
    pub fn start(
        &self,
        request: &Request,
        tokenizer: &Tokenizer,
        now: LocalTime,
    ) -> Result<(String, AnswerStart<'_>), Error> {
        let mut prompt = self.prompt(request, tokenizer, now)?;
        let start = self.of(request).answer_start(request, &mut prompt);
        Ok((prompt, start))
    }

    /// Whether the model reasons before it answers.
    pub fn reasoning(&self) -> ReasoningSupport {
        let chat = &self.default;
        if chat.thinking.has_switch() {
            ReasoningSupport::Optional
        } else if chat.format.reasoning.is_some() {
            ReasoningSupport::Always
        } else {
            ReasoningSupport::None
        }
    }

    /// Whether the model thinks if a request does not say.
    pub fn thinks_by_default(&self) -> bool {
        self.default.thinking.is_on_by_default()
    }

    fn of(&self, request: &Request) -> &Chat {
        let tool_use = self.tool_use.as_ref().filter(|_| request.shown_tools().next().is_some());
        let rag = self.rag.as_ref().filter(|_| !request.documents.is_empty());
        tool_use.or(rag).unwrap_or(&self.default)
    }
}
