//! Detects formats from chat templates, and parses outputs in these formats.

mod detected;
mod hostile;
mod turn;
