//! What a page's loader takes: where the model runs, and the limits that it must keep.

use linnet_graph::{BackendKind, KvFormat};

use super::fields::{count, one_of, one_of_names, read, set, text, whole};
use super::path::Path;
use crate::Error;

/// The options of a load in a page.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields = nullable))]
pub struct LoaderOptions {
    /// Where the model runs.
    #[cfg_attr(test, ts(type = "BackendKind"))]
    pub backend: BackendKind,
    /// Context length; by default the model's own, limited to what fits a phone.
    pub context_length: Option<usize>,
    /// Number of threads on the CPU; by default as many as there are.
    pub threads: Option<usize>,
    /// Element type of the KV cache; `f16` by default.
    #[cfg_attr(test, ts(type = "KvFormat | null", optional))]
    pub kv: Option<KvFormat>,
    /// Memory limit for the model in bytes.
    pub memory_limit: Option<u64>,
    /// What an earlier load on this device measured.
    pub measured: Option<String>,
}

impl LoaderOptions {
    /// Parses the options from JSON. `null` means unset; `backend` is required.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with the first unknown or invalid field.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let mut options = LoaderOptions::default();
        let mut backend = None;
        for (field, value) in set(read(json)?) {
            let path = &Path::of(&field);
            match field.as_str() {
                "backend" => backend = Some(one_of(path, &value, BackendKind::ALL, BackendKind::name)?),
                "context_length" => options.context_length = Some(count(path, &value)?),
                "threads" => options.threads = Some(count(path, &value)?),
                "kv" => options.kv = Some(one_of(path, &value, KvFormat::ALL, KvFormat::name)?),
                "memory_limit" => options.memory_limit = Some(whole(path, &value)?),
                "measured" => options.measured = Some(text(path, value)?),
                _ => return Err(path.invalid("is not supported")),
            }
        }
        let missing = || Path::of("backend").missing(&one_of_names(BackendKind::ALL, BackendKind::name));
        options.backend = backend.ok_or_else(missing)?;
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_and_format_has_its_name() {
        for backend in BackendKind::ALL {
            for kv in KvFormat::ALL {
                let json = format!(r#"{{"backend":"{}","kv":"{}"}}"#, backend.name(), kv.name());
                let options = LoaderOptions::from_json(&json).unwrap();
                assert_eq!((options.backend, options.kv), (backend, Some(kv)));
            }
        }
    }

    #[test]
    fn wrong_options_are_named() {
        for (json, message) in [
            ("{}", "`backend` is missing, but must be one of webgpu, cpu"),
            (r#"{"backend":"tpu"}"#, "`backend` is \"tpu\", but must be one of webgpu, cpu"),
            (r#"{"backend":"cpu","kv":4}"#, "`kv` is 4, but must be one of f16, f32, q8_0"),
            (r#"{"backend":"cpu","heap":4}"#, "`heap` is not supported"),
        ] {
            assert_eq!(LoaderOptions::from_json(json).unwrap_err().to_string(), message);
        }
    }
}
