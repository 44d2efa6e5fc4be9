//! What measuring kernels has found, for whoever asks the same of the same adapter again: as long as the program runs,
//! and beyond that where a page keeps it.

use std::cell::RefCell;

use linnet_quant::DType;
use linnet_shaders::Math;
use serde::{Deserialize, Serialize};

use crate::kernels::WorkgroupShape;

/// Answers that are kept. Who has more models than that measures again now and then.
const MOST: usize = 64;

/// What an result depends on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct TuneKey {
    /// The adapter's name, as far as it tells.
    pub adapter: String,
    /// Least number of invocations of a subgroup, where the kernels use subgroup operations.
    pub subgroup_size: Option<u32>,
    /// What products may be computed in.
    #[serde(with = "names")]
    pub maths: Vec<Math>,
    /// Type id of the matrices, as in a GGUF file.
    pub dtype: u8,
    /// Outputs of a product.
    pub rows: usize,
    /// Inputs of a product.
    pub cols: usize,
}

/// What is fastest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TuneResult {
    /// What products are computed in.
    pub math: Math,
    /// The shape of their workgroups.
    pub shape: WorkgroupShape,
}

/// An result with its key, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    key: TuneKey,
    math: String,
    threads: u32,
    rows_per_thread: u32,
}

/// All answers, for the kernels of one version.
#[derive(Serialize, Deserialize)]
struct Records {
    version: String,
    measured: Vec<Record>,
}

thread_local! {
    static KNOWN: RefCell<Vec<(TuneKey, TuneResult)>> = const { RefCell::new(Vec::new()) };
}

/// What was found when this was asked before.
pub(crate) fn known(key: &TuneKey) -> Option<TuneResult> {
    KNOWN.with_borrow(|known| known.iter().find(|(asked, _)| asked == key).map(|(_, result)| *result))
}

/// Keeps an result, in place of an earlier one; the oldest goes where there are too many.
pub(crate) fn keep(key: TuneKey, result: TuneResult) {
    KNOWN.with_borrow_mut(|known| {
        known.retain(|(asked, _)| *asked != key);
        known.push((key, result));
        known.drain(..known.len().saturating_sub(MOST));
    });
}

/// What measuring has found so far, as JSON for [`recall`]; `None` where nothing was measured.
pub fn measured() -> Option<String> {
    let record = |(key, TuneResult { math, shape }): &(TuneKey, TuneResult)| Record {
        key: key.clone(),
        math: name(*math).to_owned(),
        threads: shape.threads,
        rows_per_thread: shape.rows_per_thread,
    };
    let measured: Vec<Record> = KNOWN.with_borrow(|known| known.iter().map(record).collect());
    let records = Records { version: env!("CARGO_PKG_VERSION").to_owned(), measured };
    // Numbers and words: there is nothing that JSON could not say.
    (!records.measured.is_empty()).then(|| serde_json::to_string(&records).ok()).flatten()
}

/// Takes over what [`measured`] gave, maybe long ago and elsewhere: what comes of another version, or cannot be, is
/// measured anew.
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
            known.ok_or_else(|| D::Error::custom(format!("there are no products in {name}")))
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

    /// On a thread of its own, where nothing is known.
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
        let good = format!(
            r#"{{"version":"{}","measured":[{{"key":{{"adapter":"made-up","subgroup_size":32,"maths":["f32","int8"],"dtype":8,"rows":1,"cols":64}},"math":"int8","threads":256,"rows_per_thread":2}}]}}"#,
            env!("CARGO_PKG_VERSION")
        );
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
