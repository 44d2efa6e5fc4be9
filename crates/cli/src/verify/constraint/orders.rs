//! The texts of a value: its properties in all orders, because an answer may only be able to write one.

use serde_json::Value;

/// Most texts of one value.
const MOST: usize = 720;

/// The compact texts of a value. Numbers have no exponent, and integers no point.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => {
            let parts: Vec<Vec<String>> = list.iter().map(texts).collect();
            joined(&parts).into_iter().map(|inner| format!("[{inner}]")).collect()
        }
        Value::Object(map) => {
            let members: Vec<Vec<String>> = map
                .iter()
                .map(|(key, value)| {
                    let key = Value::from(key.as_str());
                    texts(value).into_iter().map(|value| format!("{key}:{value}")).collect()
                })
                .collect();
            let mut all = Vec::new();
            for order in permutations(members.len()) {
                let parts: Vec<Vec<String>> = order.iter().map(|&at| members[at].clone()).collect();
                all.extend(joined(&parts).into_iter().map(|inner| format!("{{{inner}}}")));
                if all.len() >= MOST {
                    break;
                }
            }
            all
        }
        Value::Number(number) if number.is_f64() => vec![format!("{}", number.as_f64().unwrap_or_default())],
        other => vec![other.to_string()],
    }
}

/// All ways to choose one text of each part.
fn joined(parts: &[Vec<String>]) -> Vec<String> {
    let mut all = vec![String::new()];
    for (index, part) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        all =
            all.iter().flat_map(|text| part.iter().map(move |next| format!("{text}{comma}{next}"))).collect();
        all.truncate(MOST);
    }
    all
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..count {
        all = all
            .iter()
            .flat_map(|order: &Vec<usize>| {
                // The given order comes first.
                (0..=order.len()).rev().map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, next);
                    order
                })
            })
            .take(MOST)
            .collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::texts;

    #[test]
    fn properties_come_in_all_orders() {
        assert_eq!(texts(&json!({ "a": 1.0, "b": [1.5] })), [r#"{"a":1,"b":[1.5]}"#, r#"{"b":[1.5],"a":1}"#]);
        assert_eq!(texts(&json!([{ "a": 1, "b": 2 }, 3])).len(), 2);
        assert_eq!(texts(&json!({ "a": 1, "b": 2, "c": 3, "d": 4 })).len(), 24);
    }
}
