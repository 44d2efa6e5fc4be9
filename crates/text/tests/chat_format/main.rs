//! Detects formats from chat templates, and parses outputs in these formats.

mod detected;
mod goldens;
mod hostile;
mod turn;
