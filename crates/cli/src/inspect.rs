//! `linnet inspect`: shows the header of a model file.

mod chat_format;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use linnet_gguf::{Array, Gguf, TensorInfo, Value};
use linnet_graph::fuse;

use crate::failure::Failure;
use crate::model_file;
use crate::terminal::one_line;

/// Show a model file's metadata, tensors and chat format (reads only the header)
#[derive(Args, Debug)]
pub struct Options {
    /// A GGUF file
    model: PathBuf,
    /// Also show the model's graph, as recorded and after fusion
    #[arg(long)]
    graph: bool,
}

/// Array elements to show.
const SHOWN_ELEMENTS: usize = 8;
/// Characters of a string to show.
const SHOWN_CHARACTERS: usize = 120;

/// Runs the command.
///
/// # Errors
/// `bad-model`; with `--graph`, also any error of recording the model.
pub fn run(options: &Options) -> Result<(), Failure> {
    let header = model_file::read_header(&options.model)?;
    let bytes = fs::metadata(&options.model).map_err(Failure::file(&options.model))?.len();
    let mut out = BufWriter::new(io::stdout().lock());
    print(&mut out, &header, bytes)?;
    chat_format::print(&mut out, &header.metadata)?;
    if options.graph {
        let model = linnet_models::record(&header)?;
        writeln!(out, "\nrecorded graph: {} nodes\n{}", model.graph.nodes.len(), model.graph)?;
        let fused = fuse(model.graph);
        writeln!(out, "fused graph: {} nodes\n{fused}", fused.nodes.len())?;
    }
    Ok(out.flush()?)
}

fn print(out: &mut impl Write, header: &Gguf, file_bytes: u64) -> io::Result<()> {
    writeln!(
        out,
        "GGUF version {}, alignment {}, header {} bytes",
        header.version, header.alignment, header.header_len
    )?;
    let entries: Vec<_> = header.metadata.iter().collect();
    writeln!(out, "\nmetadata: {} entries", entries.len())?;
    for (key, value) in entries {
        writeln!(out, "  {} = {}", one_line(key), shown(value))?;
    }

    writeln!(out, "\ntensors: {}", header.tensors.len())?;
    let name_width = header.tensors.iter().map(|t| one_line(&t.name).len()).max().unwrap_or(0);
    for tensor in &header.tensors {
        let TensorInfo { name, dims, dtype, bytes, .. } = tensor;
        let shape: Vec<_> = dims.iter().map(u64::to_string).collect();
        let (name, dtype, shape) = (one_line(name), dtype.name(), format!("[{}]", shape.join(", ")));
        writeln!(out, "  {name:<name_width$}  {dtype:<7}  {shape:<16}  {bytes:>11} bytes")?;
    }

    let mut types: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for tensor in &header.tensors {
        let (count, bytes) = types.entry(tensor.dtype.name()).or_default();
        *count += 1;
        *bytes = bytes.saturating_add(tensor.bytes);
    }
    writeln!(out, "\ntotals")?;
    for (name, (count, bytes)) in types {
        writeln!(out, "  {name:<7}  {count:>4} tensors  {bytes:>12} bytes")?;
    }
    let parameters = header.tensors.iter().map(parameters).fold(0, u64::saturating_add);
    writeln!(out, "  {parameters} parameters")?;
    let (announced, missing) = (header.file_len(), header.file_len().saturating_sub(file_bytes));
    match missing {
        0 => writeln!(out, "  {file_bytes} bytes in the file, {announced} announced by the header"),
        _ => writeln!(
            out,
            "  {file_bytes} bytes in the file: INCOMPLETE, {missing} of {announced} are missing"
        ),
    }
}

fn parameters(tensor: &TensorInfo) -> u64 {
    tensor.dims.iter().fold(1, |product, dim| product.saturating_mul(*dim))
}

/// A value on one line; long strings and arrays are abbreviated.
fn shown(value: &Value) -> String {
    match value {
        Value::U8(v) => v.to_string(),
        Value::I8(v) => v.to_string(),
        Value::U16(v) => v.to_string(),
        Value::I16(v) => v.to_string(),
        Value::U32(v) => v.to_string(),
        Value::I32(v) => v.to_string(),
        Value::U64(v) => v.to_string(),
        Value::I64(v) => v.to_string(),
        Value::F32(v) => v.to_string(),
        Value::F64(v) => v.to_string(),
        Value::Bool(v) => v.to_string(),
        Value::String(v) => text(v),
        Value::Array(v) => array(v),
    }
}

fn text(text: &str) -> String {
    let length = text.chars().count();
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{:?}... ({length} characters)", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn array(array: &Array) -> String {
    fn listed<T>(
        elements: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        show: impl Fn(T) -> String,
    ) -> String {
        let elements = elements.into_iter();
        let count = elements.len();
        let mut shown: Vec<String> = elements.take(SHOWN_ELEMENTS).map(show).collect();
        if count > SHOWN_ELEMENTS {
            shown.push(format!("... ({count} elements)"));
        }
        format!("[{}]", shown.join(", "))
    }
    match array {
        Array::U8(v) => listed(v, u8::to_string),
        Array::I8(v) => listed(v, i8::to_string),
        Array::U16(v) => listed(v, u16::to_string),
        Array::I16(v) => listed(v, i16::to_string),
        Array::U32(v) => listed(v, u32::to_string),
        Array::I32(v) => listed(v, i32::to_string),
        Array::U64(v) => listed(v, u64::to_string),
        Array::I64(v) => listed(v, i64::to_string),
        Array::F32(v) => listed(v, f32::to_string),
        Array::F64(v) => listed(v, f64::to_string),
        Array::Bool(v) => listed(v, bool::to_string),
        Array::Strings(v) => listed(v.iter(), text),
        Array::Arrays(v) => listed(v, self::array),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_abbreviated_with_their_length() {
        assert_eq!(
            shown(&Value::Array(Array::I32((0..9).collect()))),
            "[0, 1, 2, 3, 4, 5, 6, 7, ... (9 elements)]"
        );
        assert_eq!(shown(&Value::Array(Array::I32((0..8).collect()))), "[0, 1, 2, 3, 4, 5, 6, 7]");
        let long = shown(&Value::String("ü".repeat(200)));
        assert!(long.ends_with("... (200 characters)") && long.chars().count() < 150, "{long}");
    }

    #[test]
    fn control_characters_of_a_file_are_escaped() {
        assert_eq!(shown(&Value::String("a\u{1b}[2J\n".to_owned())), "\"a\\u{1b}[2J\\n\"");
    }

    #[test]
    fn parameters_do_not_overflow() {
        let tensor = TensorInfo {
            name: String::new(),
            dims: vec![u64::MAX, 3],
            dtype: linnet_quant::DType::F32,
            offset: 0,
            bytes: 0,
        };
        assert_eq!(parameters(&tensor), u64::MAX);
    }
}
