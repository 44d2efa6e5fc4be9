//! The variables of a template besides the messages.

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError, ThinkingSwitch};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Chat;
use super::message::Guard;
use super::thinking::EFFORT;
use super::tools::{TEXT, ToolsPlace, spaced};
use crate::{Error, Request};

/// What a template gets in addition to messages, guarded.
pub(super) struct Variables {
    pub(super) tools: Option<Value>,
    pub(super) documents: Option<Value>,
    pub(super) extra: Map<String, Value>,
    pub(super) now: LocalTime,
}

impl Variables {
    /// None but the time.
    pub(super) fn new(now: LocalTime) -> Self {
        Variables { tools: None, documents: None, extra: Map::new(), now }
    }

    /// One variable, for a probe.
    pub(super) fn with(name: &str, value: Value, now: LocalTime) -> Self {
        let mut variables = Variables::new(now);
        variables.extra.insert(name.to_owned(), value);
        variables
    }

    pub(super) fn render(
        &self,
        template: &ChatTemplate,
        messages: &(impl Serialize + ?Sized),
        add_generation_prompt: bool,
    ) -> Result<String, TextError> {
        template.render(&ChatContext {
            messages,
            tools: self.tools.clone(),
            documents: self.documents.clone(),
            add_generation_prompt,
            extra: self.extra.clone(),
            now: self.now,
        })
    }
}

impl Chat {
    /// The variables that a request sets.
    pub(super) fn variables(
        &self,
        request: &Request,
        guard: Guard<'_>,
        now: LocalTime,
    ) -> Result<Variables, Error> {
        if !request.documents.is_empty() && !self.capabilities.documents {
            let reason = "are not shown by this model's template; put their text into a message";
            return Err(Error::invalid("documents", reason));
        }
        let tools = self.capabilities.tools;
        let mut shown = request.shown_tools().peekable();
        let place = shown.peek().map_or(ToolsPlace::Nowhere, |_| tools.place());
        let value = || tools.value(shown, guard);
        let documents = request.documents.iter().map(|document| guard.value(document));
        let documents = (!request.documents.is_empty()).then(|| documents.collect());
        let mut extra = Map::new();
        let tools = match place {
            ToolsPlace::Whole | ToolsPlace::Functions => Some(value()),
            ToolsPlace::Text => {
                extra.insert(TEXT.to_owned(), spaced(&value()).into());
                None
            }
            ToolsPlace::SystemMessage(_) | ToolsPlace::Nowhere => None,
        };
        if let Some(thinks) = request.thinks() {
            // Most templates have the first, and some read it only beside other variables.
            for switch in [&ThinkingSwitch::usual()].into_iter().chain(&self.thinking.switches) {
                extra.insert(switch.name.clone(), switch.value(thinks));
            }
        }
        if let Some(effort) = self.thinking.effort(request.reasoning_effort, request.thinks()) {
            extra.insert(EFFORT.to_owned(), effort.into());
        }
        for (name, value) in &request.chat_template_kwargs {
            extra.insert(name.clone(), guard.option(value));
        }
        Ok(Variables { tools, documents, extra, now })
    }
}
