//! Tokens that the device chooses and that nobody has read yet.

use std::collections::VecDeque;

use linnet_graph::{BackendError, DecodeRequest};
use wgpu::BufferUsages;

use crate::device::{Buffer, Device, Reading};
use crate::error::internal;

/// What was submitted and not taken yet, the first first. Each request has a readback buffer of its own, so that the
/// device goes on with the next one while the host reads.
pub(crate) struct Queued {
    ring: Vec<Buffer>,
    requests: VecDeque<Request>,
    /// Which of the ring the next request uses.
    next: usize,
}

struct Request {
    /// Which of the ring it uses.
    slot: usize,
    /// Position of the first token that is chosen.
    first: usize,
    tokens: usize,
    stop: Vec<u32>,
    /// It began with a token that the device had chosen.
    goes_on: bool,
    /// A token before these has ended them.
    void: bool,
    reading: Reading,
}

/// What was chosen in a request.
pub(crate) struct Taken {
    /// Position of the first of the tokens.
    pub first: usize,
    /// Up to the one that ended them; empty where one before them did.
    pub chosen: Vec<u32>,
    /// The last one is one of those that end.
    pub ended: bool,
    /// Tokens that were asked for.
    pub tokens: usize,
    /// The request began with a token that the device had chosen.
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

    /// Position of the last token that is to be chosen.
    pub fn last(&self) -> Option<usize> {
        self.requests.back().map(|request| request.first + request.tokens - 1)
    }

    /// Whether there is room for another request.
    pub fn has_room(&self) -> bool {
        self.requests.len() < self.ring.len()
    }

    /// Copies the tokens from `first` on of the `history` to where they will be read; submits `encoder` and asks for
    /// them.
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

    /// Drops all requests; whether there were any whose tokens somebody might have missed.
    pub fn forget(&mut self) -> bool {
        let mut missed = false;
        while let Some(request) = self.requests.pop_front() {
            missed |= !request.void;
            self.ring[request.slot].unmap();
        }
        missed
    }

    /// Waits for the first request.
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
