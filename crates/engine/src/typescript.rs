//! Writes the TypeScript types of everything that a page and the engine exchange: `web/src/protocol/generated.ts`.

use std::fmt::Write;
use std::fs;

use linnet_graph::{BackendKind, KvFormat};
use ts_rs::{Config, TS};

use crate::{
    DecideEvent, Decision, DecisionTimings, Decisions, Done, ErrorCode, Event, FinishReason, Info,
    LoaderOptions, Logprobs, OptionProbability, ReasoningSupport, Sampling, SuggestEvent, Suggestions,
    Timings, TokenLogprob, ToolCallDelta, Usage, Word, WorkPerToken,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/src/protocol/generated.ts");
/// The environment variable with which the file is written instead of compared.
const UPDATE: &str = "LINNET_UPDATE_TYPES";
const COMMAND: &str = "LINNET_UPDATE_TYPES=1 cargo test -p linnet-engine generated_types";
const WIDTH: usize = 120;

/// Collects the file.
struct Writer {
    text: String,
    config: Config,
}

impl Writer {
    fn new() -> Self {
        let text =
            format!("// Generated from the types in crates/engine. Do not edit it; run\n// {COMMAND}\n");
        // Sizes and counts stay far below 2^53.
        Writer { text, config: Config::default().with_large_int("number") }
    }

    fn docs(&mut self, indent: usize, docs: &str) {
        self.text += &comment(indent, docs);
    }

    /// A type with its documentation.
    fn declare<T: TS>(&mut self) {
        self.text.push('\n');
        self.text += &pretty(&T::docs().unwrap_or_default());
        self.text += &pretty(&format!("export {}", T::decl(&self.config)));
    }

    /// A union of names, and the list of them.
    fn names<T: Copy>(
        &mut self,
        docs: &str,
        [list, kind]: [&str; 2],
        all: &[T],
        name: fn(T) -> &'static str,
    ) {
        let names: Vec<String> = all.iter().map(|one| format!("'{}'", name(*one))).collect();
        self.text.push('\n');
        self.docs(0, docs);
        let _ = writeln!(self.text, "export type {kind} = {};", names.join(" | "));
        let _ =
            writeln!(self.text, "export const {list} = [{}] as const satisfies {kind}[];", names.join(", "));
    }

    fn error_codes(&mut self) {
        self.text.push('\n');
        self.text += "/**\n * The stable code of an error, on which a program may branch.\n *\n";
        for (code, meaning) in ErrorCode::MEANINGS {
            let words = format!("- `{code}`:{}", meaning.concat());
            self.text += &wrapped(" * ", &words);
        }
        self.text += " */\nexport type LinnetErrorCode = (typeof LINNET_ERROR_CODES)[number];\n";
        self.text += "export const LINNET_ERROR_CODES = [\n";
        for (code, _) in ErrorCode::MEANINGS {
            let _ = writeln!(self.text, "  '{code}',");
        }
        self.text += "] as const;\n";
    }

    fn sampling(&mut self) {
        self.text +=
            "\n/** The sampling parameters of a request. */\nexport interface SamplingParameters {\n";
        for parameter in Sampling::PARAMETERS {
            self.docs(2, &parameter.docs.concat());
            let _ = writeln!(self.text, "  {}?: number | null;", parameter.name);
        }
        self.text += "}\n\n/** Their defaults. */\nexport const SAMPLING_DEFAULTS = {\n";
        for parameter in Sampling::PARAMETERS {
            let _ = writeln!(self.text, "  {}: {},", parameter.name, parameter.default);
        }
        self.text += "} as const satisfies Required<SamplingParameters>;\n";
    }
}

/// A comment with these words.
fn comment(indent: usize, docs: &str) -> String {
    let (margin, docs) = (" ".repeat(indent), docs.trim());
    let line = format!("{margin}/** {docs} */\n");
    if line.len() <= WIDTH + 1 {
        return line;
    }
    format!("{margin}/**\n{}{margin} */\n", wrapped(&format!("{margin} * "), docs))
}

/// The words in lines, each after `margin`.
fn wrapped(margin: &str, words: &str) -> String {
    let (mut lines, mut line) = (String::new(), margin.to_owned());
    for word in words.split_whitespace() {
        if line.len() > margin.len() && line.len() + word.len() > WIDTH {
            let _ = writeln!(lines, "{}", line.trim_end());
            margin.clone_into(&mut line);
        }
        line += word;
        line.push(' ');
    }
    let _ = writeln!(lines, "{}", line.trim_end());
    lines
}

/// One field per line, indented, with semicolons and single quotes.
fn pretty(code: &str) -> String {
    let (mut out, mut depth, mut rest) = (String::new(), 0, code);
    while let Some(next) = rest.chars().next() {
        if let Some((docs, after)) = rest.strip_prefix("/**").and_then(|docs| docs.split_once("*/")) {
            let words = docs.lines().map(|line| line.trim().trim_start_matches('*')).collect::<String>();
            out += &comment(2 * depth, &words);
            rest = after.trim_start();
            if depth > 0 {
                out += &"  ".repeat(depth);
            }
            continue;
        }
        rest = &rest[next.len_utf8()..];
        match next {
            '{' => {
                depth += 1;
                out.push('{');
                rest = start_line(&mut out, depth, rest);
            }
            ',' if depth > 0 => {
                out.push(';');
                rest = start_line(&mut out, depth, rest);
            }
            '}' => {
                depth -= 1;
                out.truncate(out.trim_end().len());
                let end = if out.ends_with(';') { "" } else { ";" };
                out += &format!("{end}\n{}}}", "  ".repeat(depth));
            }
            '"' => out.push('\''),
            '\n' => {}
            other => out.push(other),
        }
    }
    if !out.ends_with('\n') && !out.is_empty() {
        out.push('\n');
    }
    out.replace("'type':", "type:")
}

/// Starts the line of the next field, which is what is left of the code, or of its comment.
fn start_line<'a>(out: &mut String, depth: usize, rest: &'a str) -> &'a str {
    let rest = rest.trim_start();
    out.push('\n');
    if !rest.starts_with("/**") {
        *out += &"  ".repeat(depth);
    }
    rest
}

fn generated() -> String {
    let mut file = Writer::new();
    file.names("A compute path.", ["BACKEND_KINDS", "BackendKind"], &BackendKind::ALL, BackendKind::name);
    file.names(
        "A number format of the KV cache.",
        ["KV_FORMATS", "KvFormat"],
        &KvFormat::ALL,
        KvFormat::name,
    );
    file.error_codes();
    file.sampling();
    file.declare::<LoaderOptions>();
    file.declare::<ReasoningSupport>();
    file.declare::<Info>();
    file.declare::<Usage>();
    file.declare::<Timings>();
    file.declare::<WorkPerToken>();
    file.declare::<FinishReason>();
    file.declare::<TokenLogprob>();
    file.declare::<Logprobs>();
    file.declare::<ToolCallDelta>();
    file.declare::<Done>();
    file.declare::<Event>();
    file.declare::<Word>();
    file.declare::<Suggestions>();
    file.declare::<SuggestEvent>();
    file.declare::<OptionProbability>();
    file.declare::<DecisionTimings>();
    file.declare::<Decision>();
    file.declare::<Decisions>();
    file.declare::<DecideEvent>();
    file.text
}

#[test]
fn generated_types_are_current() {
    let generated = generated();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(FILE, &generated).unwrap();
    }
    let committed = fs::read_to_string(FILE).unwrap_or_default();
    assert!(committed == generated, "{FILE} is not current. Run: {COMMAND}");
}

#[test]
fn fields_get_lines_of_their_own() {
    let code =
        "export type A = { \"type\": \"b\", \n/**\n * A c.\n */\nc?: Array<number>, d: { e: string, }, };";
    let pretty_code = "export type A = {\n  type: 'b';\n  /** A c. */\n  c?: Array<number>;\n  \
                       d: {\n    e: string;\n  };\n};\n";
    assert_eq!(pretty(code), pretty_code);
}
