//! Flags for sampling.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use linnet_engine::{PartialSampling, Sampling};
use serde_json::Value;

/// How to sample the next token, and when to stop. The model's file may recommend other defaults.
#[derive(Args, Debug)]
#[command(next_help_heading = "Sampling")]
pub struct SamplingOptions {
    /// Always pick the most likely token
    #[arg(long, conflicts_with = "temperature")]
    greedy: bool,
    #[command(flatten)]
    parameters: ParameterFlags,
    /// Random seed; the same seed gives the same answer
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Maximum number of tokens in an answer
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
    /// Stop string that ends the answer; may be repeated
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Ignore end-of-text tokens and keep generating
    #[arg(long)]
    pub ignore_eos: bool,
}

impl SamplingOptions {
    /// Converts to the engine's type; options not given are unset.
    pub fn sampling(&self) -> PartialSampling {
        let ParameterFlags(given) = self.parameters;
        let temperature = if self.greedy { Some(0.0) } else { given.temperature };
        PartialSampling { temperature, seed: self.seed, ..given }
    }

    /// The stop strings.
    pub fn stop(&self) -> Vec<String> {
        self.stop.clone()
    }
}

/// A flag for each of the engine's sampling parameters.
#[derive(Clone, Copy, Debug)]
struct ParameterFlags(PartialSampling);

impl Args for ParameterFlags {
    fn augment_args(command: Command) -> Command {
        command.args(Sampling::PARAMETERS.iter().map(|parameter| {
            // A command is built once, and clap wants names that last.
            let flag: &'static str = parameter.name.replace('_', "-").leak();
            Arg::new(parameter.name)
                .long(flag)
                .help(parameter.docs.concat().trim().to_owned())
                .value_name("X")
                .value_parser(move |text: &str| value_of(parameter.name, text))
                .allow_negative_numbers(parameter.least < 0.0)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ParameterFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = ParameterFlags(PartialSampling::default());
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for parameter in Sampling::PARAMETERS {
            let Some(value) = matches.get_one::<Value>(parameter.name) else { continue };
            let set = self.0.set(parameter.name, value);
            set.map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, format!("{error}\n")))?;
        }
        Ok(())
    }
}

/// A value that the parameter can take. Its range is checked when an answer starts.
fn value_of(parameter: &str, text: &str) -> Result<Value, String> {
    let whole = text.parse::<i64>().map(Value::from);
    let value = whole.or_else(|_| text.parse::<f64>().map(Value::from)).map_err(|_| "not a number")?;
    PartialSampling::default().set(parameter, &value).map_err(|error| error.to_string())?;
    Ok(value)
}
