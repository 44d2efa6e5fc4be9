//! `linnet synth`: model files of any size, without a model.

mod file;
mod shape;
mod tensors;
mod values;
mod vocabulary;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub use file::SynthFile;
use shape::{Family, Shape};

use crate::failure::Failure;

/// Write a model file of random weights in the layout of a published model
///
/// Names, shapes and block formats are those of the model's own files, so that speed, memory and loading can be measured where the
/// real file cannot be had. The vocabulary has the true size, but made-up words. What the model says is noise. The same
/// arguments give the same bytes.
#[derive(Args, Debug)]
pub struct Options {
    /// The model whose layout it is: smollm2-135m, smollm2-360m, llama-3.2-1b, llama-3.2-3b, qwen3-0.6b, qwen3-4b, qwen3-8b,
    /// qwen3.5-4b, qwen3.5-9b or gpt-oss-20b
    #[arg(long, value_name = "NAME")]
    arch: String,
    #[command(flatten)]
    cut: Cut,
    /// The file to write
    out: PathBuf,
}

/// What may differ from the published file.
#[derive(Args, Clone, Debug, Default)]
pub struct Cut {
    /// Formats of the matrices [default: the model's usual ones]. Experts are MXFP4 in any case
    #[arg(long, value_enum, value_name = "FORMAT")]
    quant: Option<Quant>,
    /// Only the first layers
    #[arg(long, value_name = "N")]
    layers: Option<usize>,
    /// The least model with the same parts: a megabyte or two, for tests
    #[arg(long)]
    tiny: bool,
    /// Decides the weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Formats that go together in a file.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
#[allow(non_camel_case_types, reason = "spelled as in file names")]
pub enum Quant {
    /// Q4_0, and Q6_K for the head
    #[value(name = "q4_0")]
    Q4_0,
    /// Q4_K_M: Q4_K, and Q6_K where it counts
    #[value(name = "q4_k")]
    Q4_K,
    /// Q8_0
    #[value(name = "q8_0")]
    Q8_0,
}

impl Quant {
    /// `general.file_type`, llama.cpp's numbers.
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
    /// The file of the model `name`, cut.
    ///
    /// # Errors
    /// `invalid-request` for an unknown name and more layers than there are.
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
/// Those of [`Cut::file`]; [`Failure::Written`], and the file is removed then.
pub fn run(options: &Options) -> Result<(), Failure> {
    let Options { arch, cut, out } = options;
    let model = cut.file(arch)?;
    let failed = |source| Failure::Written { path: out.clone(), source };
    let mut file = File::create(out).map_err(failed)?;
    if let Err(failure) = model.each_piece(|piece| file.write_all(piece).map_err(failed)) {
        // Part of a model is of no use. That it could not be written says more than that it cannot be removed.
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

    /// Every architecture in every mixture of formats loads, and a prompt and a token behind it give finite logits that differ.
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

    /// What the header alone tells is what the loaded model takes, or little less.
    #[test]
    fn what_they_take_is_known_beforehand() {
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
            assert_eq!(refused.code(), "out-of-memory", "{}", shape.name);
        }
    }

    #[test]
    fn the_same_arguments_give_the_same_bytes() {
        let file = |seed| bytes(&Cut { tiny: true, seed, ..Cut::default() }.file("qwen3-4b").unwrap());
        let [first, again, other] = [0, 0, 1].map(file);
        assert!(first == again && first != other);
        assert_eq!(first.len() as u64, Gguf::parse(&first).unwrap().file_len());
    }

    /// Against the sizes of the published files: parameters as their cards have them, bytes as kernels.md and the files do.
    #[test]
    fn whole_ones_are_as_large_as_the_published() {
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
    fn what_is_not_there_is_refused() {
        let code = |cut: Cut, name| cut.file(name).err().map(|failure| failure.code());
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
