//! The parser against files written by others, files it wrote itself, and files that are wrong.

mod hostile;
mod malformed;
mod reference;
mod round_trip;
mod sample;
mod split;
mod strings;
