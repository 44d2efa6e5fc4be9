//! The subschemas of a document, and what references name.

use std::collections::BTreeMap;
use std::rc::Rc;

use linnet_text::ConstraintError;
use serde_json::Value;

use super::{invalid, unsupported};

/// A subschema, by its index in [`Sources`].
pub type Node = usize;

/// The subschema `false`.
pub const NOTHING: Node = 0;

/// The dialect of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draft {
    Draft7,
    Draft2020,
}

/// A subschema.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is, as a JSON pointer.
    pub path: Rc<str>,
    pub schema: Rc<Value>,
    /// The address that its references are relative to.
    base: Rc<str>,
}

/// All subschemas that were looked at.
pub struct Sources {
    pub draft: Draft,
    document: Rc<Value>,
    nodes: Vec<Source>,
    by_path: BTreeMap<String, Node>,
    /// Paths of the subschemas that have an address, an anchor included.
    addresses: BTreeMap<String, String>,
    bases: BTreeMap<String, Rc<str>>,
}

/// Keywords with one subschema.
const ONE: [&str; 12] = [
    "additionalProperties",
    "additionalItems",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Keywords with a list of subschemas.
const LIST: [&str; 5] = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];
/// Keywords with an object of subschemas.
const MAP: [&str; 6] =
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];

impl Sources {
    /// Finds the addresses in a document.
    ///
    /// # Errors
    /// If its dialect is not supported.
    pub fn new(document: &Value) -> Result<Self, ConstraintError> {
        let dialect =
            document.get("$schema").map(|uri| uri.as_str().unwrap_or_default().trim_end_matches('#'));
        let draft = match dialect {
            None | Some("https://json-schema.org/draft/2020-12/schema") => Draft::Draft2020,
            Some("http://json-schema.org/draft-07/schema" | "https://json-schema.org/draft-07/schema") => {
                Draft::Draft7
            }
            Some(other) => {
                return Err(unsupported(
                    "/$schema",
                    format!("the dialect `{other}` is not supported; use 2020-12"),
                ));
            }
        };
        let nothing = Source { path: "".into(), schema: Rc::new(Value::Bool(false)), base: "".into() };
        let mut sources = Self {
            draft,
            document: Rc::new(document.clone()),
            nodes: vec![nothing],
            by_path: BTreeMap::new(),
            addresses: BTreeMap::new(),
            bases: BTreeMap::new(),
        };
        sources.index(document, "", "");
        Ok(sources)
    }

    fn index(&mut self, schema: &Value, path: &str, base: &str) {
        let Some(object) = schema.as_object() else { return };
        let is_reference = self.draft == Draft::Draft7 && object.contains_key("$ref");
        let mut base = base.to_owned();
        if let Some(id) = object.get("$id").and_then(Value::as_str).filter(|_| !is_reference) {
            let whole = resolve(&base, id);
            match whole.split_once('#') {
                // In draft 7, `$id` of this form is an anchor.
                Some((_, name)) if !name.is_empty() => {
                    drop(self.addresses.insert(whole.clone(), path.to_owned()))
                }
                _ => {
                    base = whole.trim_end_matches('#').to_owned();
                    self.addresses.insert(base.clone(), path.to_owned());
                }
            }
        } else if path.is_empty() {
            self.addresses.insert(String::new(), String::new());
        }
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = object.get(keyword).and_then(Value::as_str) {
                self.addresses.insert(format!("{base}#{name}"), path.to_owned());
            }
        }
        self.bases.insert(path.to_owned(), base.as_str().into());
        for (keyword, value) in object {
            let at = |key: &str| format!("{path}/{}", escape(key));
            let keyword: &str = keyword;
            if ONE.contains(&keyword) && !value.is_array() {
                self.index(value, &at(keyword), &base);
            }
            if let (true, Value::Array(list)) = (LIST.contains(&keyword), value) {
                for (index, value) in list.iter().enumerate() {
                    self.index(value, &format!("{}/{index}", at(keyword)), &base);
                }
            }
            if let (true, Value::Object(map)) = (MAP.contains(&keyword), value) {
                for (key, value) in map {
                    self.index(value, &format!("{}/{}", at(keyword), escape(key)), &base);
                }
            }
        }
    }

    /// The whole schema.
    ///
    /// # Errors
    /// If it is no schema.
    pub fn root(&mut self) -> Result<Node, ConstraintError> {
        self.at("")
    }

    /// What `$schema` of the whole schema says.
    pub fn dialect(&self) -> Option<&Value> {
        self.document.get("$schema")
    }

    pub fn get(&self, node: Node) -> &Source {
        &self.nodes[node]
    }

    /// The subschema at a path.
    fn at(&mut self, path: &str) -> Result<Node, ConstraintError> {
        if let Some(&node) = self.by_path.get(path) {
            return Ok(node);
        }
        let schema = self.document.pointer(path).ok_or_else(|| invalid(path, "there is no such schema"))?;
        if !schema.is_object() && !schema.is_boolean() {
            return Err(invalid(path, "a schema is an object, true or false"));
        }
        // The root is as large as the document.
        let schema = if path.is_empty() { self.document.clone() } else { Rc::new(schema.clone()) };
        let mut above = path;
        let base = loop {
            match (self.bases.get(above), above.rfind('/')) {
                (Some(base), _) => break base.clone(),
                (None, Some(end)) => above = &above[..end],
                (None, None) => break "".into(),
            }
        };
        self.nodes.push(Source { path: path.into(), schema, base });
        self.by_path.insert(path.to_owned(), self.nodes.len() - 1);
        Ok(self.nodes.len() - 1)
    }

    /// A subschema of a node: the keys and indices on the way to it.
    ///
    /// # Errors
    /// If it is no schema.
    pub fn child(&mut self, node: Node, keys: &[&str]) -> Result<Node, ConstraintError> {
        let source = self.get(node);
        // What was made of a constant has its schema in itself.
        if !self.by_path.contains_key(&*source.path) || self.by_path[&*source.path] != node {
            let pointer: String = keys.iter().map(|key| format!("/{}", escape(key))).collect();
            let schema = source.schema.pointer(&pointer).cloned().unwrap_or(Value::Bool(false));
            return Ok(self.made(node, schema));
        }
        let path = keys.iter().fold(source.path.to_string(), |path, key| format!("{path}/{}", escape(key)));
        self.at(&path)
    }

    /// A subschema that is not in the document, at the place of another.
    pub fn made(&mut self, node: Node, schema: Value) -> Node {
        let Source { path, base, .. } = self.get(node).clone();
        self.nodes.push(Source { path, schema: Rc::new(schema), base });
        self.nodes.len() - 1
    }

    /// The subschema that a reference names.
    ///
    /// # Errors
    /// If it is in another document, or missing.
    pub fn reference(&mut self, node: Node, reference: &str) -> Result<Node, ConstraintError> {
        let Source { path, base, .. } = self.get(node).clone();
        let at = format!("{path}/$ref");
        let whole = resolve(&base, reference);
        let (address, fragment) = whole.split_once('#').unwrap_or((&whole, ""));
        let missing = || invalid(&at, format!("`{reference}` names no schema"));
        let Some(root) = self.addresses.get(address) else {
            return Err(unsupported(
                &at,
                format!("`{reference}` is in another document; nothing is fetched"),
            ));
        };
        let fragment = percent_decoded(fragment).ok_or_else(missing)?;
        let target = match fragment.as_str() {
            "" => root.clone(),
            pointer if pointer.starts_with('/') => format!("{root}{pointer}"),
            name => self.addresses.get(&format!("{address}#{name}")).cloned().ok_or_else(missing)?,
        };
        self.document.pointer(&target).ok_or_else(missing)?;
        self.at(&target)
    }
}

/// A key as a part of a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// An address relative to another, as in RFC 3986, without `..`.
fn resolve(base: &str, reference: &str) -> String {
    let base = base.split('#').next().unwrap_or_default();
    let scheme_end = reference.find(':').filter(|end| !reference[..*end].contains(['/', '#', '?']));
    if scheme_end.is_some() {
        return reference.to_owned();
    }
    if reference.is_empty() || reference.starts_with('#') {
        return format!("{base}{reference}");
    }
    let host_end =
        base.find("://").map_or(0, |at| base[at + 3..].find('/').map_or(base.len(), |end| at + 3 + end));
    if reference.starts_with('/') {
        return format!("{}{reference}", &base[..host_end]);
    }
    let folder = base[host_end..].rfind('/').map_or(host_end, |end| host_end + end + 1);
    format!("{}{reference}", &base[..folder])
}
