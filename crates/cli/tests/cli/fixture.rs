//! Makes small files and runs the program on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use linnet_gguf::{Array, Gguf, HeaderWriter, Strings, TensorInfo, Value};
use linnet_quant::DType;
use safetensors::tensor::TensorView;

/// Vocabulary size: one token per byte, and two control tokens.
pub const VOCABULARY: u64 = 258;
/// Context length of the model.
pub const CONTEXT: u32 = 64;

/// An empty folder for this test.
pub fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs `linnet` without input and without the caller's models.
pub fn linnet<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    command(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A `linnet` command that has not started.
pub fn command<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.args(arguments).env_remove("LINNET_MODELS");
    command
}

/// The exit code, stdout and stderr as text.
pub fn parts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The header of a one-layer llama model, and the bytes of its tensors.
pub fn model(architecture: &str) -> Vec<u8> {
    // GPT-2's spelling: printable bytes are themselves, the others are characters from 256 on.
    let mut next = 256;
    let mut spelled = |byte: u8| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte).to_string(),
        _ => {
            next += 1;
            char::from_u32(next - 1).unwrap().to_string()
        }
    };
    let mut tokens: Vec<String> = (0..=255).map(&mut spelled).collect();
    tokens.extend(["<start>".to_owned(), "<end>".to_owned()]);
    let types = [vec![1; 256], vec![3, 3]].concat();
    let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}<end>{% endfor %}assistant:";

    let mut writer = HeaderWriter::new();
    for (key, value) in [
        ("general.architecture".to_owned(), Value::String(architecture.to_owned())),
        ("general.name".to_owned(), Value::String("Small".to_owned())),
        (format!("{architecture}.block_count"), Value::U32(1)),
        (format!("{architecture}.context_length"), Value::U32(CONTEXT)),
        (format!("{architecture}.embedding_length"), Value::U32(32)),
        (format!("{architecture}.feed_forward_length"), Value::U32(64)),
        (format!("{architecture}.attention.head_count"), Value::U32(2)),
        (format!("{architecture}.attention.layer_norm_rms_epsilon"), Value::F32(1e-5)),
        ("tokenizer.ggml.model".to_owned(), Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre".to_owned(), Value::String("gpt-2".to_owned())),
        ("tokenizer.ggml.tokens".to_owned(), Value::Array(Array::Strings(tokens.iter().collect()))),
        ("tokenizer.ggml.token_type".to_owned(), Value::Array(Array::I32(types))),
        ("tokenizer.ggml.merges".to_owned(), Value::Array(Array::Strings(Strings::default()))),
        ("tokenizer.ggml.eos_token_id".to_owned(), Value::U32(257)),
        ("tokenizer.chat_template".to_owned(), Value::String(template.to_owned())),
    ] {
        writer.metadata(&key, value);
    }
    let tensors: [(&str, &[u64]); 11] = [
        ("token_embd", &[32, VOCABULARY]),
        ("blk.0.attn_norm", &[32]),
        ("blk.0.attn_q", &[32, 32]),
        ("blk.0.attn_k", &[32, 32]),
        ("blk.0.attn_v", &[32, 32]),
        ("blk.0.attn_output", &[32, 32]),
        ("blk.0.ffn_norm", &[32]),
        ("blk.0.ffn_gate", &[32, 64]),
        ("blk.0.ffn_up", &[32, 64]),
        ("blk.0.ffn_down", &[64, 32]),
        ("output_norm", &[32]),
    ];
    for (name, dims) in tensors {
        writer.tensor(&format!("{name}.weight"), dims, DType::F32).unwrap();
    }
    let mut file = writer.to_bytes();
    file.resize(file.len().next_multiple_of(32), 0);
    let mut state = 7u32;
    for (name, dims) in tensors {
        for _ in 0..dims.iter().product::<u64>() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let random = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            let value = if name.ends_with("norm") { 1.0 } else { random };
            file.extend(value.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(32), 0);
    }
    file
}

/// A model split in two, `NAME-00001-of-00002.gguf` and so on in `folder`, with half of the tensors in each;
/// returns the files.
pub fn split(folder: &Path, model: &[u8]) -> Vec<PathBuf> {
    let whole = Gguf::parse(model).unwrap();
    let halves = whole.tensors.split_at(whole.tensors.len() / 2);
    [halves.0, halves.1]
        .iter()
        .enumerate()
        .map(|(no, tensors)| {
            let mut writer = HeaderWriter::new();
            for (key, value) in whole.metadata.iter().filter(|_| no == 0) {
                writer.metadata(key, value.clone());
            }
            writer.metadata("split.no", Value::U16(no as u16)).metadata("split.count", Value::U16(2));
            writer.metadata("split.tensors.count", Value::I32(whole.tensors.len() as i32));
            for tensor in *tensors {
                writer.tensor(&tensor.name, &tensor.dims, tensor.dtype).unwrap();
            }
            let mut bytes = writer.to_bytes();
            for (own, tensor) in Gguf::parse(&bytes).unwrap().tensors.iter().zip(*tensors) {
                bytes.resize(own.offset as usize, 0);
                bytes.extend(&model[tensor.offset as usize..][..tensor.bytes as usize]);
            }
            let file = folder.join(format!("small-{:05}-of-00002.gguf", no + 1));
            fs::write(&file, bytes).unwrap();
            file
        })
        .collect()
}

/// A mixture-of-experts model with each layer's gate and up in one matrix, each expert's gate before its up.
pub fn fused(model: &[u8]) -> Vec<u8> {
    let whole = Gguf::parse(model).unwrap();
    let bytes = |t: &TensorInfo| &model[t.offset as usize..][..t.bytes as usize];
    let mut writer = HeaderWriter::new();
    for (key, value) in whole.metadata.iter() {
        writer.metadata(key, value.clone());
    }
    let mut contents = Vec::new();
    for tensor in &whole.tensors {
        if let Some(layer) = tensor.name.strip_suffix(".ffn_gate_exps.weight") {
            let name = format!("{layer}.ffn_up_exps.weight");
            let up = whole.tensors.iter().find(|t| t.name == name).unwrap();
            let &[inputs, outputs, experts] = &tensor.dims[..] else { panic!("{tensor:?}") };
            let fused = format!("{layer}.ffn_gate_up_exps.weight");
            writer.tensor(&fused, &[inputs, 2 * outputs, experts], tensor.dtype).unwrap();
            let size = (tensor.bytes / experts) as usize;
            let pairs = bytes(tensor).chunks(size).zip(bytes(up).chunks(size));
            contents.push(pairs.flat_map(|(gate, up)| [gate, up].concat()).collect());
        } else if !tensor.name.ends_with(".ffn_up_exps.weight") {
            writer.tensor(&tensor.name, &tensor.dims, tensor.dtype).unwrap();
            contents.push(bytes(tensor).to_vec());
        }
    }
    let mut file = writer.to_bytes();
    for (tensor, bytes) in Gguf::parse(&file).unwrap().tensors.iter().zip(contents) {
        file.resize(tensor.offset as usize, 0);
        file.extend(bytes);
    }
    file
}

/// Writes a safetensors file of one-dimensional tensors.
pub fn safetensors(path: &Path, tensors: &[(&str, safetensors::Dtype, &[u8])]) {
    let views = tensors.iter().map(|(name, dtype, bytes)| {
        let size = if *dtype == safetensors::Dtype::U8 { 1 } else { 4 };
        (*name, TensorView::new(*dtype, vec![bytes.len() / size], bytes).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}
