//! Checks dependencies for published vulnerabilities: crates with `cargo deny` or `cargo audit`, npm packages with
//! `npm audit`.
//!
//! All of them need a database on the network. The cargo tools are not installed for this check, because compiling them
//! takes minutes. A check that cannot run is skipped with the reason.

use crate::checks::tally::Tally;
use crate::machine::npm;
use crate::machine::process::{display, which};
use crate::machine::workspace::Workspace;
use anyhow::Result;
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};

/// npm packages that are development dependencies, but whose code the build ships.
const BUNDLED: [&str; 1] = ["marked"];

/// The result of checking one kind of dependencies.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// No failure; notes on vulnerabilities of build tools.
    Fine(Vec<String>),
    /// Vulnerabilities of shipped code.
    Vulnerable(Vec<String>),
    /// The database or the tool is not available.
    Skipped(String),
}

/// Checks both kinds of dependencies.
pub fn check(workspace: &Workspace) -> Result<Tally> {
    let mut tally = Tally::default();
    for (what, verdict) in [("crates", of_crates(workspace)?), ("npm packages", of_packages(workspace)?)] {
        match verdict {
            Verdict::Fine(notes) => {
                notes.iter().for_each(|note| println!("{note} (a build tool)"));
                println!("{what}: no advisory against shipped code");
                tally += Tally::one(true);
            }
            Verdict::Vulnerable(found) => {
                println!("{what}:\n{}", found.join("\n"));
                tally += Tally::one(false);
            }
            Verdict::Skipped(why) => {
                println!("{what}: skipped, {why}");
                tally += Tally { skipped: 1, ..Tally::default() };
            }
        }
    }
    Ok(tally)
}

fn of_crates(workspace: &Workspace) -> Result<Verdict> {
    if which("cargo-deny").is_some() {
        let mut cargo = workspace.cargo("deny");
        cargo.args(["--format", "json", "check", "advisories"]);
        return Ok(judge_deny(&printed(&mut cargo)?));
    }
    if which("cargo-audit").is_some() {
        return Ok(judge_audit(&printed(workspace.cargo("audit").arg("--json"))?));
    }
    Ok(Verdict::Skipped("neither cargo-deny nor cargo-audit is installed".to_owned()))
}

fn of_packages(workspace: &Workspace) -> Result<Verdict> {
    let lock: Value = serde_json::from_str(&fs::read_to_string(workspace.root.join("package-lock.json"))?)?;
    // A registry that does not respond quickly counts as unavailable.
    let arguments = ["audit", "--json", "--fetch-retries=0", "--fetch-timeout=20000"];
    Ok(judge_npm(&printed(&mut npm::command(workspace, &arguments))?, &lock))
}

/// The output of a program on both streams. Each of these tools exits with an error status if it has found something.
fn printed(command: &mut Command) -> Result<String> {
    eprintln!("$ {}", display(command));
    let output = command.stdin(Stdio::null()).output()?;
    let both = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    Ok(both.join("\n"))
}

/// `cargo deny --format json`: one object per line, which are diagnostics and, at the end, a summary.
fn judge_deny(printed: &str) -> Verdict {
    let lines: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_type = |wanted: &'static str| {
        lines.iter().filter(move |line| line["type"] == wanted).map(|line| &line["fields"])
    };
    if of_type("summary").all(|fields| fields["advisories"].is_null()) {
        return Verdict::Skipped(last_words(printed));
    }
    let errors = of_type("diagnostic").filter(|fields| fields["severity"] == "error");
    let found = errors.map(|fields| {
        let advisory = &fields["advisory"];
        named(&advisory["package"], &advisory["id"], &fields["message"])
    });
    vulnerable_if_any(found.collect())
}

/// `cargo audit --json`: one object.
fn judge_audit(printed: &str) -> Verdict {
    let report = json_object(printed);
    let Some(list) = report["vulnerabilities"]["list"].as_array() else {
        return Verdict::Skipped(last_words(printed));
    };
    let found = list.iter().map(|found| {
        let advisory = &found["advisory"];
        named(&advisory["package"], &advisory["id"], &advisory["title"])
    });
    vulnerable_if_any(found.collect())
}

/// `npm audit --json`, version 2. An advisory of level high or critical against shipped code is a failure.
fn judge_npm(printed: &str, lock: &Value) -> Verdict {
    let report = json_object(printed);
    let Some(packages) = report["vulnerabilities"].as_object() else {
        let message = [&report["message"], &report["error"]["summary"]].into_iter().find_map(Value::as_str);
        return Verdict::Skipped(message.map_or_else(|| last_words(printed), str::to_owned));
    };
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for (name, package) in packages {
        if !matches!(package["severity"].as_str(), Some("high" | "critical")) {
            continue;
        }
        // A cause is an advisory, or the name of another package of this list.
        let advisory = package["via"].as_array().into_iter().flatten().find(|via| via.is_object());
        let Some(advisory) = advisory else { continue };
        let text = named(&Value::from(name.as_str()), &advisory["url"], &advisory["title"]);
        let shipped = |node: &Value| node.as_str().is_some_and(|path| lock["packages"][path]["dev"] != true);
        let nodes = package["nodes"].as_array();
        let is_shipped = BUNDLED.contains(&name.as_str())
            || nodes.is_none_or(|nodes| nodes.is_empty() || nodes.iter().any(shipped));
        if is_shipped { &mut found } else { &mut notes }.push(text);
    }
    if found.is_empty() { Verdict::Fine(notes) } else { Verdict::Vulnerable(found) }
}

fn vulnerable_if_any(found: Vec<String>) -> Verdict {
    if found.is_empty() { Verdict::Fine(Vec::new()) } else { Verdict::Vulnerable(found) }
}

fn named(package: &Value, advisory: &Value, title: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{}: {} ({})", text(package), text(title), text(advisory))
}

/// The first JSON object in the output; `null` if there is none.
fn json_object(printed: &str) -> Value {
    let Some(start) = printed.find('{') else { return Value::Null };
    let mut objects = serde_json::Deserializer::from_str(&printed[start..]).into_iter::<Value>();
    objects.next().and_then(Result::ok).unwrap_or(Value::Null)
}

/// The last nonempty line, as the reason why a tool could not check.
fn last_words(printed: &str) -> String {
    let last = printed.lines().rev().map(str::trim).find(|line| !line.is_empty());
    format!("the database is not available: {}", last.unwrap_or("no answer"))
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge_audit, judge_deny, judge_npm};
    use serde_json::json;

    fn is_skipped(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Skipped(_))
    }

    #[test]
    fn cargo_deny_is_read_line_by_line() {
        let summary = r#"{"type":"summary","fields":{"advisories":{"errors":0,"warnings":1}}}"#;
        let warning = r#"{"type":"diagnostic","fields":{"severity":"warning","message":"yanked"}}"#;
        let error = r#"{"type":"diagnostic","fields":{"severity":"error","code":"vulnerability",
            "message":"Reads beyond the end","advisory":{"id":"RUSTSEC-2026-0001","package":"some-crate"}}}"#
            .replace('\n', " ");
        assert_eq!(judge_deny(&format!("a log\n{warning}\n{summary}")), Verdict::Fine(Vec::new()));
        let named = "some-crate: Reads beyond the end (RUSTSEC-2026-0001)".to_owned();
        assert_eq!(judge_deny(&format!("{error}\n{summary}")), Verdict::Vulnerable(vec![named]));
        let offline =
            r#"{"type":"log","fields":{"level":"ERROR","message":"failed to fetch advisory database"}}"#;
        assert!(is_skipped(&judge_deny(offline)));
        assert!(is_skipped(&judge_deny("")));
    }

    #[test]
    fn cargo_audit_is_one_object() {
        let report = |list| json!({ "vulnerabilities": { "found": true, "list": list } }).to_string();
        assert_eq!(judge_audit(&report(json!([]))), Verdict::Fine(Vec::new()));
        let advisory = json!({ "id": "RUSTSEC-2026-0002", "package": "other", "title": "Frees twice" });
        let named = "other: Frees twice (RUSTSEC-2026-0002)".to_owned();
        let found = report(json!([{ "advisory": advisory }]));
        assert_eq!(judge_audit(&format!("Fetching\n{found}\n")), Verdict::Vulnerable(vec![named]));
        assert!(is_skipped(&judge_audit("error: couldn't fetch advisory database")));
    }

    #[test]
    fn npm_fails_by_what_is_shipped_and_notes_the_tools() {
        let lock = json!({ "packages": {
            "node_modules/tool": { "dev": true }, "node_modules/marked": { "dev": true }, "node_modules/part": {},
        } });
        let package = |name: &str, severity: &str| {
            let via = json!([{ "title": "Hangs", "url": "https://example.org/1" }]);
            json!({ "severity": severity, "via": via, "nodes": [format!("node_modules/{name}")] })
        };
        let report = |name: &str, severity: &str| {
            json!({ "auditReportVersion": 2, "vulnerabilities": { name: package(name, severity) } })
                .to_string()
        };
        let named = |name: &str| vec![format!("{name}: Hangs (https://example.org/1)")];
        assert_eq!(judge_npm(&report("part", "high"), &lock), Verdict::Vulnerable(named("part")));
        assert_eq!(judge_npm(&report("marked", "critical"), &lock), Verdict::Vulnerable(named("marked")));
        assert_eq!(judge_npm(&report("tool", "critical"), &lock), Verdict::Fine(named("tool")));
        assert_eq!(judge_npm(&report("part", "moderate"), &lock), Verdict::Fine(Vec::new()));
        let none = json!({ "auditReportVersion": 2, "vulnerabilities": {} }).to_string();
        assert_eq!(judge_npm(&none, &lock), Verdict::Fine(Vec::new()));
    }

    #[test]
    fn a_registry_without_advisories_is_skipped_with_its_words() {
        let refused =
            r#"{ "message": "405 Method Not Allowed", "statusCode": 405, "error": { "summary": "" } }"#;
        let why = "405 Method Not Allowed".to_owned();
        assert_eq!(judge_npm(&format!("npm warn audit\n{refused}"), &json!({})), Verdict::Skipped(why));
        let offline = r#"{ "error": { "code": "ENOTFOUND", "summary": "getaddrinfo" } }"#;
        assert_eq!(judge_npm(offline, &json!({})), Verdict::Skipped("getaddrinfo".to_owned()));
        assert!(is_skipped(&judge_npm("npm error", &json!({}))));
    }
}
