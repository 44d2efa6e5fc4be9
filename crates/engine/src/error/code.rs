//! The stable codes of errors, those that only a page can have included.

use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// The stable code of an error, on which a program may branch.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ErrorCode {
            /// The code as text, e.g. `bad-model`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ErrorCode::$variant => $name,)+
                }
            }

            /// All codes, and what they mean.
            #[cfg(test)]
            pub(crate) const MEANINGS: &[(ErrorCode, &[&str])] = &[$((ErrorCode::$variant, &[$($doc),+]),)+];
        }
    };
}

codes! {
    /// the file is not a GGUF file, or it is damaged
    BadModel = "bad-model",
    /// the file is valid, but this engine does not support its architecture, or a variant of it
    UnsupportedArchitecture = "unsupported-architecture",
    /// the file is valid, but this engine does not support the type of a tensor
    UnsupportedQuantization = "unsupported-quantization",
    /// the file is valid, but this engine does not support its tokenizer
    UnsupportedTokenizer = "unsupported-tokenizer",
    /// the model's chat template cannot be rendered, or drops the message at `details.field`
    BadTemplate = "bad-template",
    /// the model or its context does not fit into this device, or is larger than `memoryLimit`. If this was known from
    /// the file's header, `details.smaller` has a context length and a KV format that would fit, if there are any
    OutOfMemory = "out-of-memory",
    /// the GPU is gone (driver reset, sleep, too little memory)
    DeviceLost = "device-lost",
    /// WebGPU was requested, but this browser or device has none
    NoWebGpu = "no-webgpu",
    /// the browser cannot run wasm SIMD
    NoSimd = "no-simd",
    /// the page forbids what the engine needs. Its policy lacks `'wasm-unsafe-eval'` or forbids the worker, or the page
    /// is in a frame whose `sandbox` lacks `allow-same-origin`, so that it cannot start workers; `details.needs` says
    /// which
    Blocked = "blocked",
    /// there is no connection, or it broke and could not be resumed
    Network = "network",
    /// the server has no such file (404, 410)
    NotFound = "not-found",
    /// the server answered with another error status
    Http = "http",
    /// the file's length or SHA-256 does not match
    Integrity = "integrity",
    /// the browser has too little space for what must be stored
    Quota = "quota",
    /// the browser stores no files for this page (a private window, blocked site data, no HTTPS), or another tab is
    /// using the model
    NoStorage = "no-storage",
    /// by the caller's signal, or by `dispose()`
    Aborted = "aborted",
    /// the conversation is longer than the context
    ContextFull = "context-full",
    /// the engine is answering another request, and this one must not wait (`busy: 'refuse'`)
    Busy = "busy",
    /// an argument is invalid or not supported; `details.field` is its path, for example `messages[1].content`
    InvalidRequest = "invalid-request",
    /// the schema, expression or grammar of an answer is malformed, or cannot be enforced exactly; `details.kind` says
    /// which (`invalid`, `unsupported`, `unsatisfiable`, `too-complex`), `details.path` where in the schema
    BadConstraint = "bad-constraint",
    /// a fault of Linnet itself
    Internal = "internal",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
