//! The engine around a backend that computes a prepared answer.

mod fake;
mod generation;
mod loading;
