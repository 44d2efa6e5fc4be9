//! `linnet` as a shell sees it: exit codes, sentences and output.

mod counters;
mod errors;
mod fixture;
mod model;
mod reference;
mod synth;
mod verify;
