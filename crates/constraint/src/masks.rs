//! The tokens of a vocabulary as a trie, and the masks of a whole vocabulary.

use std::sync::{Arc, OnceLock};

use llguidance::earley::{BiasComputer, ParserRecognizer};
use llguidance::toktrie::{SimpleVob, TokEnv, TokTrie, TokenId, TokenizerEnv};

/// Characters of a JSON string that need no escape: any number of them, and at most as many as [`LENGTHS`] says. Nearly
/// all tokens are such texts, and they are allowed at once where a string may go on for long enough.
pub const STRING_CHARACTERS: [&str; 2] = [r#"[^"\\\x00-\x1F\x7F]+"#, r#"[^"\\\x00-\x1F\x7F]{1,10}"#];

/// The most characters of each of [`STRING_CHARACTERS`].
const LENGTHS: [usize; 2] = [usize::MAX, 10];

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

/// Computes masks.
pub struct Masks {
    environment: TokEnv,
    /// One for each of [`STRING_CHARACTERS`].
    slices: Vec<Slice>,
}

/// The tokens of a vocabulary, divided.
struct Slice {
    /// Those that one of [`STRING_CHARACTERS`] matches.
    texts: SimpleVob,
    /// The others.
    others: TokTrie,
}

impl Masks {
    /// For the tokens of an environment.
    pub fn new(environment: TokEnv) -> Arc<Self> {
        let trie = environment.tok_trie();
        let slices = LENGTHS.map(|length| {
            let (mut texts, mut rest) = (trie.alloc_token_set(), trie.alloc_token_set());
            for token in (0u32..).take(trie.vocab_size()) {
                let bytes = trie.token(token);
                if is_string_text(bytes, length) {
                    texts.allow_token(token);
                } else if !bytes.is_empty() {
                    rest.allow_token(token);
                }
            }
            let others = trie.filter(&rest);
            Slice { texts, others }
        });
        Arc::new(Self { environment, slices: slices.into() })
    }
}

/// Whether all of it is characters of a string, at most `length` of them.
fn is_string_text(bytes: &[u8], length: usize) -> bool {
    let is_free = |c: char| !matches!(c, '"' | '\\' | '\0'..='\x1f' | '\x7f');
    let fits = |text: &str| text.chars().all(is_free) && text.chars().count() <= length;
    !bytes.is_empty() && std::str::from_utf8(bytes).is_ok_and(fits)
}

impl BiasComputer for Masks {
    fn compute_bias(&self, parser: &mut ParserRecognizer<'_>, start: &[u8]) -> SimpleVob {
        let mut set = self.trie().alloc_token_set();
        let state = parser.lexer_state();
        let lexer = parser.lexer_mut();
        let mut fitting = None;
        if start.is_empty() && lexer.subsume_possible(state) {
            fitting = self.slices.iter().enumerate().find_map(|(at, slice)| {
                let fits = lexer.check_subsume(state, at, SUBSUME_FUEL, None).unwrap_or(false);
                fits.then_some(slice)
            });
        }
        match fitting {
            Some(slice) => {
                set.or(&slice.texts);
                slice.others.add_bias(parser, &mut set, start);
            }
            None => self.trie().add_bias(parser, &mut set, start),
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
