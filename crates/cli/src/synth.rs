//! `linnet synth`: makes model files of any size from random weights.

mod file;
mod shape;
mod tensors;
mod values;
pub(crate) mod vocabulary;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub use file::SynthFile;
use shape::{Family, Shape};

use crate::failure::Failure;

/// Write a model file with random weights in the layout of a published model
///
/// Tensor names, shapes and block formats are those of the published model, so speed, memory and loading can
/// be measured without the real file. The vocabulary has the real size but made-up words, and the output is
/// noise. The same arguments give the same bytes.
#[derive(Args, Debug)]
pub struct Options {
    /// Model whose layout to use: smollm2-135m, smollm2-360m, llama-3.2-1b, llama-3.2-3b, qwen3-0.6b,
    /// qwen3-4b, qwen3-8b, qwen3.5-4b, qwen3.5-9b or gpt-oss-20b
    #[arg(long, value_name = "NAME")]
    arch: String,
    #[command(flatten)]
    cut: Cut,
    /// File to write
    out: PathBuf,
}

/// Differences from the published file.
#[derive(Args, Clone, Debug, Default)]
pub struct Cut {
    /// Quantization of the matrices [default: the model's usual one]. Experts are always MXFP4
    #[arg(long, value_enum, value_name = "FORMAT")]
    quant: Option<Quant>,
    /// Keep only the first N layers
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// Smallest model with the same architecture, 1 to 2 MB, for tests
    #[arg(long)]
    tiny: bool,
    /// Random seed of the weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Quantization mix of a file.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[allow(non_camel_case_types, reason = "spelled as in file names")]
pub enum Quant {
    /// Q4_0, with a Q6_K output head
    #[value(name = "q4_0")]
    Q4_0,
    /// Q4_K_M: Q4_K, with Q6_K for the sensitive matrices
    #[value(name = "q4_k")]
    Q4_K,
    /// Q8_0
    #[value(name = "q8_0")]
    Q8_0,
}

impl Quant {
    /// `general.file_type`, as llama.cpp numbers it.
    fn file_type(self, shape: &Shape) -> u32 {
        match (shape.family, self) {
            (Family::GptOss { .. }, _) => 38,
            (_, Quant::Q4_0) => 2,
            (_, Quant::Q4_K) => 15,
            (_, Quant::Q8_0) => 7,
        }
    }
}

impl Cut {
    /// The file of the model `name`, with these differences.
    ///
    /// # Errors
    /// `invalid-request` for an unknown name or too many layers.
    pub fn file(&self, name: &str) -> Result<SynthFile, Failure> {
        let mut shape = Shape::named(name)?;
        if self.tiny {
            shape = shape.tiny();
        }
        if let Some(layers) = self.layers {
            shape = shape.with_layers(layers)?;
        }
        SynthFile::new(&shape, self.quant.unwrap_or(shape.quant), self.seed)
    }
}

/// Runs the command.
///
/// # Errors
/// Those of [`Cut::file`]; [`Failure::Written`], which removes the partial file.
pub fn run(options: &Options) -> Result<(), Failure> {
    let Options { arch, cut, out } = options;
    let model = cut.file(arch)?;
    let failed = |source| Failure::Written { path: out.clone(), source };
    let mut file = File::create(out).map_err(failed)?;
    if let Err(failure) = model.each_piece(|piece| file.write_all(piece).map_err(failed)) {
        // A partial file is useless. The write error says more than an error of removing it.
        if fs::metadata(out).is_ok_and(|written| written.is_file()) {
            let _ = fs::remove_file(out);
        }
        return Err(failure);
    }
    writeln!(io::stdout(), "{} parameters, {} bytes", model.parameters(), model.len())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use linnet_cpu::{CpuBackend, CpuOptions};
    use linnet_engine::LoadOptions;
    use linnet_gguf::Gguf;
    use linnet_graph::{KvFormat, Output, OutputRequest};

    use super::*;
    use crate::platform::PLATFORM;
    use crate::synth::shape::SHAPES;

    fn bytes(file: &SynthFile) -> Vec<u8> {
        let mut all = Vec::new();
        file.each_piece(|piece| {
            all.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        all
    }

    /// Every architecture in every quantization loads, and a prompt and one more token give finite, distinct
    /// logits.
    #[test]
    fn small_ones_of_each_run() {
        for shape in SHAPES {
            for quant in [Quant::Q4_0, Quant::Q4_K, Quant::Q8_0] {
                let case = format!("{} {quant:?}", shape.name);
                let cut = Cut { quant: Some(quant), tiny: true, ..Cut::default() };
                let file = cut.file(shape.name).unwrap();
                let options = LoadOptions {
                    context_length: Some(64),
                    max_logits: 1,
                    kv: KvFormat::F16,
                    memory_limit: None,
                    platform: PLATFORM,
                };
                let threads = CpuOptions { threads: Some(1), ..CpuOptions::default() };
                let mut engine = file.load(CpuBackend::new(threads), options).expect(&case);
                assert_eq!(engine.tokenizer().vocab_size(), 1024, "{case}");
                let ids = engine.tokenizer().encode(
                    "what is aba",
                    linnet_text::EncodeOptions { add_special: false, parse_special: false },
                );
                assert!(ids.unwrap().len() < 11, "{case}: no merge was used");
                for tokens in [&[1, 2, 3, 700][..], &[9]] {
                    let run = engine.session().extend(tokens, OutputRequest::Logits(1));
                    let Output::Logits(logits) = pollster::block_on(run).expect(&case) else {
                        panic!("{case}")
                    };
                    let [least, most] =
                        [f32::min, f32::max].map(|f| logits.iter().copied().reduce(f).unwrap());
                    assert!(logits.iter().all(|x| x.is_finite()), "{case}");
                    assert!(least < -0.5 && most > 0.5 && most < 100.0, "{case}: {least} to {most}");
                }
            }
        }
    }

    /// The estimate from the header matches the memory of the loaded model, or is slightly below it.
    #[test]
    fn the_header_predicts_the_memory() {
        for shape in SHAPES {
            let file = Cut { tiny: true, ..Cut::default() }.file(shape.name).unwrap();
            let load = |memory_limit| {
                let (context_length, kv) = (Some(2048), KvFormat::F16);
                let options =
                    LoadOptions { context_length, max_logits: 1, kv, memory_limit, platform: PLATFORM };
                let threads = CpuOptions { threads: Some(1), ..CpuOptions::default() };
                file.load(CpuBackend::new(threads), options).map(|engine| engine.info().memory)
            };
            let taken = load(None).unwrap();
            let all = taken.weights + taken.kv + taken.scratch;
            assert_eq!(load(Some(all)).unwrap(), taken, "{}", shape.name);
            let refused = load(Some(all * 4 / 5)).unwrap_err();
            assert_eq!(refused.code().name(), "out-of-memory", "{}", shape.name);
        }
    }

    #[test]
    fn the_same_arguments_give_the_same_bytes() {
        let file = |seed| bytes(&Cut { tiny: true, seed, ..Cut::default() }.file("qwen3-4b").unwrap());
        let [first, again, other] = [0, 0, 1].map(file);
        assert!(first == again && first != other);
        assert_eq!(first.len() as u64, Gguf::parse(&first).unwrap().file_len());
    }

    /// Compares with the published files: parameters as on the model cards, bytes as in kernels.md and in the
    /// files.
    #[test]
    fn full_models_are_as_large_as_the_published_files() {
        for (name, parameters, bytes) in [
            ("smollm2-135m", 134_515_008, 0.143e9),
            ("llama-3.2-1b", 1_235_814_432, 0.81e9),
            ("qwen3-0.6b", 596_049_920, 0.36e9),
            ("qwen3-4b", 4_022_468_096, 2.4e9),
            ("qwen3-8b", 8_190_735_360, 5.0e9),
            ("gpt-oss-20b", 20_914_757_184, 12.1e9),
        ] {
            let file = Cut::default().file(name).unwrap();
            assert_eq!(file.parameters(), parameters, "{name}");
            let ratio = file.len() as f64 / bytes;
            assert!((0.96..1.06).contains(&ratio), "{name}: {} bytes", file.len());
        }
    }

    #[test]
    fn unknown_names_and_too_many_layers_are_rejected() {
        let code = |cut: Cut, name| cut.file(name).err().map(|failure| failure.code().name());
        assert_eq!(code(Cut::default(), "gpt-5"), Some("invalid-request"));
        for layers in [0, 37] {
            assert_eq!(
                code(Cut { layers: Some(layers), ..Cut::default() }, "qwen3-4b"),
                Some("invalid-request")
            );
        }
        assert_eq!(code(Cut { layers: Some(1), ..Cut::default() }, "qwen3-4b"), None);
    }
}
