//! Tests `linnet` from the shell: exit codes, messages and output.

mod counters;
mod decide;
mod errors;
mod fixture;
mod model;
mod reference;
mod synth;
mod verify;
