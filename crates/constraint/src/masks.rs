//! The tokens of a vocabulary as a trie, and the masks of a whole vocabulary.

use std::sync::{Arc, OnceLock};

use llguidance::earley::{BiasComputer, ParserRecognizer};
use llguidance::toktrie::{SimpleVob, TokEnv, TokTrie, TokenId, TokenizerEnv};

/// Characters of a JSON string that need no escape.
pub const STRING_CHARACTERS: &str = r#"[^"\\\x00-\x1F\x7F]+"#;

/// Work to find out whether all tokens of such characters are allowed. llguidance uses the same.
const SUBSUME_FUEL: u64 = 1000;

/// The trie of a vocabulary. llguidance copies several times the trie that it sees first, so it sees an empty one
/// first: [`Masks`] needs no copies.
pub struct Environment {
    empty: TokTrie,
    trie: OnceLock<TokTrie>,
}

impl Environment {
    /// No tokens yet.
    pub fn new(empty: TokTrie) -> Self {
        Self { empty, trie: OnceLock::new() }
    }

    /// Sets the tokens, once.
    pub fn fill(&self, trie: TokTrie) -> &TokTrie {
        self.trie.get_or_init(|| trie)
    }
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        self.trie.get().unwrap_or(&self.empty)
    }

    fn tokenize_bytes(&self, text: &[u8]) -> Vec<TokenId> {
        self.tok_trie().greedy_tokenize(text)
    }

    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}

/// Computes masks. Most tokens are texts without a quote, and are allowed at once where a string may go on.
pub struct Masks {
    environment: TokEnv,
    /// The tokens of [`STRING_CHARACTERS`].
    texts: SimpleVob,
    /// The other tokens.
    others: TokTrie,
}

impl Masks {
    /// For the tokens of an environment.
    pub fn new(environment: TokEnv) -> Arc<Self> {
        let trie = environment.tok_trie();
        let (mut texts, mut rest) = (trie.alloc_token_set(), trie.alloc_token_set());
        for token in (0u32..).take(trie.vocab_size()) {
            let bytes = trie.token(token);
            if is_string_text(bytes) {
                texts.allow_token(token);
            } else if !bytes.is_empty() {
                rest.allow_token(token);
            }
        }
        let others = trie.filter(&rest);
        Arc::new(Self { environment, texts, others })
    }
}

/// Whether [`STRING_CHARACTERS`] matches all of it.
fn is_string_text(bytes: &[u8]) -> bool {
    let is_free = |c: char| !matches!(c, '"' | '\\' | '\0'..='\x1f' | '\x7f');
    !bytes.is_empty() && std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_free))
}

impl BiasComputer for Masks {
    fn compute_bias(&self, parser: &mut ParserRecognizer<'_>, start: &[u8]) -> SimpleVob {
        let mut set = self.trie().alloc_token_set();
        let state = parser.lexer_state();
        let lexer = parser.lexer_mut();
        // 0: the first of the factory's slices.
        if start.is_empty()
            && lexer.subsume_possible(state)
            && lexer.check_subsume(state, 0, SUBSUME_FUEL, None).unwrap_or(false)
        {
            set.or(&self.texts);
            self.others.add_bias(parser, &mut set, start);
        } else {
            self.trie().add_bias(parser, &mut set, start);
        }
        set
    }

    fn trie(&self) -> &TokTrie {
        self.environment.tok_trie()
    }
}

/// Computes no mask. Only with a mask does llguidance renew the work that the next steps may take.
pub struct Refuel(pub Arc<Masks>);

impl BiasComputer for Refuel {
    fn compute_bias(&self, _: &mut ParserRecognizer<'_>, _: &[u8]) -> SimpleVob {
        self.trie().alloc_token_set()
    }

    fn trie(&self) -> &TokTrie {
        self.0.trie()
    }
}
