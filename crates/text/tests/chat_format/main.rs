//! Detects formats from chat templates, and parses outputs in these formats.

mod detected;
mod families;
mod forms;
mod hostile;
mod names;
mod pieces;
mod recovered;
mod tagged;
mod turn;
