//! Tokens that the device samples ahead of the host.

use std::collections::VecDeque;

use linnet_graph::{BackendError, DecodeRequest};
use wgpu::BufferUsages;

use crate::device::{Buffer, Device, Reading};
use crate::error::internal;

/// Requests that were submitted and not taken yet, oldest first. Each has its own readback buffer, so the device works
/// on the next one while the host reads.
pub(crate) struct Queued {
    ring: Vec<Buffer>,
    requests: VecDeque<Request>,
    /// Index in `ring` for the next request.
    next: usize,
}

struct Request {
    /// Index of its buffer in the ring.
    slot: usize,
    /// Position of the first sampled token.
    first: usize,
    tokens: usize,
    stop: Vec<u32>,
    /// Its first input is a token that the device sampled.
    goes_on: bool,
    /// An earlier token ended the answer.
    void: bool,
    reading: Reading,
}

/// The tokens of a request.
pub(crate) struct Taken {
    /// Position of the first of the tokens.
    pub first: usize,
    /// The tokens up to the one that ended the answer; empty if an earlier request ended it.
    pub chosen: Vec<u32>,
    /// The last of them is a stop token.
    pub ended: bool,
    /// Number of tokens that the request asked for.
    pub tokens: usize,
    /// The first input was a token that the device sampled.
    pub goes_on: bool,
}

const WORD: u64 = size_of::<u32>() as u64;

impl Queued {
    pub fn new(device: &Device) -> Result<Queued, BackendError> {
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let ring = (0..DecodeRequest::MAX_QUEUED)
            .map(|_| device.buffer("chosen tokens", DecodeRequest::MAX_TOKENS as u64 * WORD, usage));
        Ok(Queued { ring: ring.collect::<Result<_, _>>()?, requests: VecDeque::new(), next: 0 })
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Position of the last token of the last request.
    pub fn last(&self) -> Option<usize> {
        self.requests.back().map(|request| request.first + request.tokens - 1)
    }

    /// Whether there is room for another request.
    pub fn has_room(&self) -> bool {
        self.requests.len() < self.ring.len()
    }

    /// Copies the tokens of `history` from `first` on to the readback buffer, submits `encoder` and requests the
    /// tokens.
    pub fn submit(
        &mut self,
        device: &Device,
        mut encoder: wgpu::CommandEncoder,
        (history, first): (&Buffer, usize),
        request: &DecodeRequest<'_>,
        goes_on: bool,
    ) {
        let slot = self.next;
        let buffer = &self.ring[slot];
        let bytes = request.tokens as u64 * WORD;
        encoder.copy_buffer_to_buffer(history, first as u64 * WORD, buffer, 0, bytes);
        device.calls.submit(Some(encoder.finish()));
        let reading = device.ask(buffer, bytes);
        let (tokens, stop) = (request.tokens, request.stop.to_vec());
        self.requests.push_back(Request { slot, first, tokens, stop, goes_on, void: false, reading });
        self.next = (slot + 1) % self.ring.len();
    }

    /// Drops all requests. Returns whether tokens were lost.
    pub fn forget(&mut self) -> bool {
        let mut missed = false;
        while let Some(request) = self.requests.pop_front() {
            missed |= !request.void;
            self.ring[request.slot].unmap();
        }
        missed
    }

    /// Waits for the oldest request.
    pub async fn take(&mut self, device: &Device) -> Result<Taken, BackendError> {
        let Some(request) = self.requests.front_mut() else { return Err(internal("no tokens are queued")) };
        let buffer = &self.ring[request.slot];
        let mut chosen = Vec::new();
        if request.void {
            buffer.unmap();
        } else {
            chosen = device.receive::<u32>(buffer, &mut request.reading).await?;
        }
        let (first, tokens, goes_on) = (request.first, request.tokens, request.goes_on);
        let end = chosen.iter().position(|token| request.stop.contains(token));
        self.requests.pop_front();
        if let Some(last) = end {
            chosen.truncate(last + 1);
            self.requests.iter_mut().for_each(|request| request.void = true);
        }
        Ok(Taken { first, chosen, ended: end.is_some(), tokens, goes_on })
    }
}
