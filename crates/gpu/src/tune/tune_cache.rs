//! Results of tuning, so that kernels are measured once per adapter: in memory, and as JSON that a page can store.

use std::cell::RefCell;

use linnet_quant::DType;
use linnet_shaders::Math;
use serde::{Deserialize, Serialize};

use crate::kernels::WorkgroupShape;

/// Results that are kept. With more models than that, some are measured again.
const MOST: usize = 64;

/// The key of a result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct TuneKey {
    /// The adapter's name; may be empty.
    pub adapter: String,
    /// Least number of invocations of a subgroup, if kernels use subgroup operations.
    pub subgroup_size: Option<u32>,
    /// Arithmetic that the adapter can compute products in.
    #[serde(with = "names")]
    pub maths: Vec<Math>,
    /// Type id of the matrices, as in a GGUF file.
    pub dtype: u8,
    /// Outputs of a product.
    pub rows: usize,
    /// Inputs of a product.
    pub cols: usize,
}

/// The fastest kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TuneResult {
    /// Arithmetic of the products.
    pub math: Math,
    /// The shape of their workgroups.
    pub shape: WorkgroupShape,
}

/// A result with its key, as it is stored.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    key: TuneKey,
    math: String,
    threads: u32,
    rows_per_thread: u32,
}

/// All results, for the kernels of one version.
#[derive(Serialize, Deserialize)]
struct Records {
    version: String,
    measured: Vec<Record>,
}

thread_local! {
    static KNOWN: RefCell<Vec<(TuneKey, TuneResult)>> = const { RefCell::new(Vec::new()) };
}

/// The result for a key, if there is one.
pub(crate) fn known(key: &TuneKey) -> Option<TuneResult> {
    KNOWN.with_borrow(|known| known.iter().find(|(asked, _)| asked == key).map(|(_, result)| *result))
}

/// Stores a result and replaces an earlier one of the same key. Drops the oldest result if there are too many.
pub(crate) fn keep(key: TuneKey, result: TuneResult) {
    KNOWN.with_borrow_mut(|known| {
        known.retain(|(asked, _)| *asked != key);
        known.push((key, result));
        known.drain(..known.len().saturating_sub(MOST));
    });
}

/// All results so far, as JSON for [`recall`]; `None` if nothing was measured.
pub fn measured() -> Option<String> {
    let record = |(key, TuneResult { math, shape }): &(TuneKey, TuneResult)| Record {
        key: key.clone(),
        math: name(*math).to_owned(),
        threads: shape.threads,
        rows_per_thread: shape.rows_per_thread,
    };
    let measured: Vec<Record> = KNOWN.with_borrow(|known| known.iter().map(record).collect());
    let records = Records { version: env!("CARGO_PKG_VERSION").to_owned(), measured };
    // Serialization cannot fail: a record has only strings and numbers.
    (!records.measured.is_empty()).then(|| serde_json::to_string(&records).ok()).flatten()
}

/// Loads results that [`measured`] returned, maybe in another session. Results of another version and invalid ones are
/// ignored, so the kernels are measured again.
pub fn recall(json: &str) {
    let Ok(Records { version, measured }) = serde_json::from_str(json) else { return };
    if version != env!("CARGO_PKG_VERSION") {
        return;
    }
    for Record { key, math, threads, rows_per_thread } in measured {
        let shape = WorkgroupShape { threads, rows_per_thread };
        let possible =
            DType::from_ggml(u32::from(key.dtype)).is_some() && WorkgroupShape::ALL.contains(&shape);
        if let (Some(math), true) = (key.maths.iter().copied().find(|m| name(*m) == math), possible) {
            keep(key, TuneResult { math, shape });
        }
    }
}

fn name(math: Math) -> &'static str {
    match math {
        Math::F32 => "f32",
        Math::F16 => "f16",
        Math::Int8 => "int8",
    }
}

/// [`Math`]s by name.
mod names {
    use linnet_shaders::Math;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(maths: &[Math], serializer: S) -> Result<S::Ok, S::Error> {
        let names: Vec<&str> = maths.iter().map(|math| super::name(*math)).collect();
        names.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Math>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let named = |name: String| {
            let known =
                [Math::F32, Math::F16, Math::Int8].into_iter().find(|math| super::name(*math) == name);
            known.ok_or_else(|| D::Error::custom(format!("unknown arithmetic `{name}`")))
        };
        names.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rows: usize) -> TuneKey {
        let maths = vec![Math::F32, Math::Int8];
        TuneKey { adapter: "made-up".to_owned(), subgroup_size: Some(32), maths, dtype: 8, rows, cols: 64 }
    }

    /// On a thread of its own, whose cache is empty.
    fn elsewhere<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(ask).join().expect("it ends")
    }

    #[test]
    fn what_was_measured_is_known_elsewhere() {
        let result =
            TuneResult { math: Math::Int8, shape: WorkgroupShape { threads: 256, rows_per_thread: 2 } };
        let json = elsewhere(move || {
            assert_eq!(measured(), None);
            keep(key(1), TuneResult { math: Math::F32, ..result });
            keep(key(1), result);
            measured().expect("something")
        });
        let (known, unknown) = elsewhere(move || {
            recall(&json);
            (known(&key(1)), known(&key(2)))
        });
        assert_eq!((known, unknown), (Some(result), None));
    }

    #[test]
    fn what_cannot_be_is_not_taken_over() {
        let good = [
            concat!(r#"{"version":""#, env!("CARGO_PKG_VERSION"), r#"","measured":["#),
            r#"{"key":{"adapter":"made-up","subgroup_size":32,"maths":["f32","int8"],"dtype":8,"rows":1,"cols":64},"#,
            r#""math":"int8","threads":256,"rows_per_thread":2}]}"#,
        ]
        .concat();
        let is_known = |json: String| {
            elsewhere(move || {
                recall(&json);
                known(&key(1)).is_some()
            })
        };
        assert!(is_known(good.clone()));
        let changes = [
            (env!("CARGO_PKG_VERSION"), "another"),
            (r#""math":"int8""#, r#""math":"f16""#),
            (r#""math":"int8""#, r#""math":8"#),
            (r#""threads":256"#, r#""threads":1000000"#),
            (r#""rows_per_thread":2"#, r#""rows_per_thread":0"#),
            (r#""dtype":8"#, r#""dtype":255"#),
            ("]}", ""),
        ];
        for (from, to) in changes {
            let changed = good.replace(from, to);
            assert!(changed != good && !is_known(changed), "{from} became {to}");
        }
    }

    #[test]
    fn the_oldest_answers_go() {
        let known = elsewhere(|| {
            for rows in 0..=MOST {
                keep(
                    key(rows),
                    TuneResult { math: Math::F32, shape: WorkgroupShape { threads: 64, rows_per_thread: 1 } },
                );
            }
            [0, 1, MOST].map(|rows| known(&key(rows)).is_some())
        });
        assert_eq!(known, [false, true, true]);
    }
}
