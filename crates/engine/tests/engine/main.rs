//! Tests the engine with a backend that computes a prepared answer.

mod ahead;
mod bad_files;
mod chat;
mod chats;
mod decide;
mod fake;
mod generation;
mod loading;
mod logprobs;
mod memory;
mod raw_file;
mod recommended;
mod requests;
mod suggest;
