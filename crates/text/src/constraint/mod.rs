//! What constrains an answer, independent of what enforces it. The engine uses only this module, because in a page
//! the enforcing crate (`linnet-constraint`) is a wasm module of its own.

mod error;
mod mask;
mod part;
mod spec;
mod vocabulary;

pub use error::{ConstraintError, ConstraintErrorCode};
pub use mask::TokenMask;
pub use part::{Layout, Notation, Part, TaggedContent, TaggedLayout, TaggedProperty};
pub use spec::{ConstraintSpec, GrammarSyntax, Whitespace};
pub use vocabulary::{PackedVocabulary, VocabularyToken};

/// A constraint with the part of the answer written so far.
///
/// After an error every later call returns an error, too.
pub trait Constraint {
    /// The tokens that may come next. The tokens that end an answer are among them if the text is complete. They are
    /// the only ones if nothing may follow.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`] if computing the mask exceeds the limits.
    fn mask(&mut self) -> Result<TokenMask, ConstraintError>;

    /// Whether a token may come next. Much faster than [`Constraint::mask`].
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`], as for [`Constraint::mask`].
    fn allows(&mut self, token: u32) -> Result<bool, ConstraintError>;

    /// Appends a token to the answer.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::NotAllowed`] if the token may not come next, and those of [`Constraint::mask`].
    fn commit(&mut self, token: u32) -> Result<(), ConstraintError>;

    /// The bytes that must come next, whatever the model wants. Any tokens may spell them: masks allow all spellings,
    /// and who forces the bytes chooses the tokens. Empty where the model has a choice.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`], as for [`Constraint::mask`].
    fn forced_bytes(&mut self) -> Result<Vec<u8>, ConstraintError>;

    /// Whether the text is complete, so that the answer may end here.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`], as for [`Constraint::mask`].
    fn is_accepting(&mut self) -> Result<bool, ConstraintError>;

    /// Returns to the start of the text.
    fn restart(&mut self);

    /// Whether the text is complete and nothing may follow, so that the answer must end here.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`], as for [`Constraint::mask`].
    fn is_finished(&mut self) -> Result<bool, ConstraintError>;
}
