//! Runs a model on given tokens.

use linnet_engine::{Engine, Error, Session};
use linnet_graph::{Backend, BackendError, Output, OutputRequest};

/// Rows of logits to read back at once.
pub const MAX_LOGITS: usize = 32;
/// Steps of a walk that run token by token.
const SINGLE_STEPS: usize = 16;

/// Runs `tokens` from an empty cache, in batches as large as the session takes, and passes on the logits of
/// each of the `last` tokens, in order.
///
/// # Errors
/// Any error of [`Session::extend`]; [`Error::InvalidRequest`] for a token outside of the vocabulary.
pub fn logits<B: Backend>(
    engine: &mut Engine<B>,
    tokens: &[u32],
    last: usize,
    mut take: impl FnMut(&[f32]),
) -> Result<(), Error> {
    let vocabulary = check(engine, tokens)?;
    let session = engine.session();
    session.reuse(&[]);
    let first = tokens.len() - last.min(tokens.len());
    let mut start = 0;
    while start < tokens.len() {
        let (end, rows) = batch(start, tokens.len(), first, session.max_batch(), session.max_logits());
        let want = if rows == 0 { OutputRequest::Nothing } else { OutputRequest::Logits(rows) };
        match pollster::block_on(session.extend(&tokens[start..end], want))? {
            Output::Logits(logits) if logits.len() == rows * vocabulary => {
                logits.chunks_exact(vocabulary).for_each(&mut take);
            }
            Output::None if rows == 0 => {}
            _ => return Err(unexpected("logits")),
        }
        start = end;
    }
    Ok(())
}

/// The end of the batch that begins at `start`, and how many of its last rows have logits to read, given that
/// logits are needed from `first` on.
fn batch(start: usize, len: usize, first: usize, max_batch: usize, max_logits: usize) -> (usize, usize) {
    let end = len.min(start + max_batch);
    let wanted_from = start.max(first);
    match end.saturating_sub(wanted_from) {
        rows if rows > max_logits => (wanted_from + max_logits, max_logits),
        rows => (end, rows),
    }
}

/// The most likely token after `prompt` and after each of `forced` but the last; the next input is always
/// from `forced`. The first [`SINGLE_STEPS`] run one by one as in a chat, the rest in batches.
///
/// # Errors
/// Any error of [`Session::extend`]; [`Error::InvalidRequest`] for a token outside of the vocabulary.
pub fn forced_walk<B: Backend>(
    engine: &mut Engine<B>,
    prompt: &[u32],
    forced: &[u32],
) -> Result<Vec<u32>, Error> {
    let vocabulary = check(engine, prompt)?;
    check(engine, forced)?;
    let session = engine.session();
    // Reuses what the comparison of logits left in the cache.
    let cached = session.reuse(prompt);
    let batches: Vec<&[u32]> = prompt[cached..].chunks(session.max_batch()).collect();
    let Some((last_batch, batches)) = batches.split_last() else { return Ok(Vec::new()) };
    for batch in batches {
        pollster::block_on(session.extend(batch, OutputRequest::Nothing))?;
    }
    let mut said = vec![next_token(session, last_batch)?];
    let forced = &forced[..forced.len().saturating_sub(1)];
    let (single, rest) = forced.split_at(forced.len().min(SINGLE_STEPS));
    for token in single {
        said.push(next_token(session, &[*token])?);
    }
    for batch in rest.chunks(session.max_batch().min(session.max_logits())) {
        match pollster::block_on(session.extend(batch, OutputRequest::Logits(batch.len())))? {
            Output::Logits(logits) => said.extend(logits.chunks_exact(vocabulary).map(most_likely)),
            Output::None | Output::Token(_) => return Err(unexpected("logits")),
        }
    }
    Ok(said)
}

/// The index of the largest logit; the lowest one on a tie.
fn most_likely(logits: &[f32]) -> u32 {
    let greater = |best: (u32, f32), next: (u32, f32)| if next.1 > best.1 { next } else { best };
    (0..).zip(logits.iter().copied()).reduce(greater).map_or(0, |(index, _)| index)
}

fn next_token<B: Backend>(session: &mut Session<B>, tokens: &[u32]) -> Result<u32, Error> {
    match pollster::block_on(session.extend(tokens, OutputRequest::Token))? {
        Output::Token(token) => Ok(token),
        Output::None | Output::Logits(_) => Err(unexpected("token")),
    }
}

/// The size of the vocabulary, if it contains all of `tokens`.
fn check<B: Backend>(engine: &Engine<B>, tokens: &[u32]) -> Result<usize, Error> {
    let vocabulary = engine.config().vocab_size;
    match tokens.iter().find(|t| **t as usize >= vocabulary) {
        Some(token) => Err(Error::InvalidRequest {
            field: "tokens".to_owned(),
            reason: format!("contains the token {token}, but the vocabulary has only {vocabulary} tokens"),
            value: None,
        }),
        None => Ok(vocabulary),
    }
}

fn unexpected(wanted: &str) -> Error {
    BackendError::Internal(format!("the backend returned no {wanted}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_all_tokens_and_give_every_wanted_row_once() {
        for (len, last) in [(1, 1), (33, 33), (33, 1), (300, 1), (512, 511), (129, 40), (7, 9)] {
            for (max_batch, max_logits) in [(1, 1), (32, 32), (64, 8), (8, 8), (512, 32)] {
                let first = len - last.min(len);
                let (mut start, mut rows) = (0, Vec::new());
                while start < len {
                    let (end, wanted) = batch(start, len, first, max_batch, max_logits);
                    assert!(
                        end > start && end - start <= max_batch && wanted <= max_logits,
                        "{start}..{end}"
                    );
                    rows.extend(end - wanted..end);
                    start = end;
                }
                assert_eq!(rows, (first..len).collect::<Vec<_>>(), "{len} {last} {max_batch} {max_logits}");
            }
        }
    }
}
