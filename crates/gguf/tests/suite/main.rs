//! Parses files from other writers, files from our own writer, and malformed files.

mod hostile;
mod malformed;
mod reference;
mod round_trip;
mod sample;
mod split;
mod strings;
