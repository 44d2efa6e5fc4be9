//! The formats of strings, which are enforced.

use linnet_text::{ConstraintError, ConstraintErrorCode};

use crate::javascript::{self, Flags};
use crate::pattern::Pattern;

/// Formats of JSON Schema that are not expressed. (Names of hosts may have labels of Punycode, which must be decoded.)
const UNSUPPORTED: [&str; 9] = [
    "hostname",
    "idn-email",
    "idn-hostname",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "uri-template",
];

/// The texts of a format. `None` for a name that JSON Schema does not define, which limits nothing.
pub fn texts(name: &str) -> Option<Result<Pattern, ConstraintError>> {
    let texts = match name {
        "date" => date(),
        "time" => time(),
        "date-time" => date().and_then(|date| Ok(Pattern::concat([date, texts_of("[tT]")?, time()?]))),
        "duration" => duration(),
        "email" => email(),
        "ipv4" => texts_of(IPV4),
        "ipv6" => ipv6(),
        "uuid" => texts_of("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
        "uri" => uri(false),
        "uri-reference" => uri(true),
        _ if UNSUPPORTED.contains(&name) => {
            let reason = format!("the format `{name}` is not supported");
            Err(ConstraintError::new(ConstraintErrorCode::Unsupported, reason))
        }
        _ => return None,
    };
    Some(texts)
}

fn texts_of(expression: &str) -> Result<Pattern, ConstraintError> {
    javascript::whole(expression, Flags { unicode: true, strict: true, ..Flags::default() })
}

/// RFC 3339, with the days that the months have.
fn date() -> Result<Pattern, ConstraintError> {
    let leap = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29";
    let days = r"(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])";
    texts_of(&format!("[0-9]{{4}}-({days})|{leap}"))
}

/// RFC 3339. A leap second is at 23:59:60 in UTC.
fn time() -> Result<Pattern, ConstraintError> {
    let zone = "([zZ]|[+\\-]([01][0-9]|2[0-3]):[0-5][0-9])";
    let usual = texts_of(&format!(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?{zone}"))?;
    let mut all = vec![usual, texts_of(r"23:59:60(\.[0-9]+)?[zZ]")?];
    // Local time is UTC plus the offset. Only the minutes decide about the carry of the hours.
    let minutes_of = |ahead: bool, carries: bool| match (ahead, carries) {
        (true, false) => 0..1,
        (true, true) => 1..60,
        (false, _) => 0..60,
    };
    for (sign, ahead, carries) in [("\\+", true, false), ("\\+", true, true), ("-", false, false)] {
        let local = |utc: u32, offset: u32, carry: u32, count: u32| {
            (utc + carry + if ahead { offset } else { count - offset }) % count
        };
        let hours = (0..24u32).map(|offset| {
            let hour = local(23, offset, u32::from(carries), 24);
            format!(r"{hour:02}:[0-9]{{2}}:60(\.[0-9]+)?{sign}{offset:02}:[0-9]{{2}}")
        });
        let minutes = minutes_of(ahead, carries).map(|offset| {
            let minute = local(59, offset, 0, 60);
            format!(r"[0-9]{{2}}:{minute:02}:60(\.[0-9]+)?{sign}[0-9]{{2}}:{offset:02}")
        });
        let any_of = |all: Vec<String>| texts_of(&all.join("|"));
        all.push(Pattern::and([any_of(hours.collect())?, any_of(minutes.collect())?]));
    }
    Ok(Pattern::or(all))
}

/// RFC 3339, appendix A.
fn duration() -> Result<Pattern, ConstraintError> {
    let time = "T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)";
    let date = "([0-9]+D|[0-9]+M([0-9]+D)?|[0-9]+Y([0-9]+M([0-9]+D)?)?)";
    texts_of(&format!("P({date}({time})?|{time}|[0-9]+W)"))
}

const IPV4: &str =
    r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}";

/// RFC 5321's mailbox, without comments.
fn email() -> Result<Pattern, ConstraintError> {
    let atom = r"[a-zA-Z0-9!#$%&'*+\-\/=?\^_`\{\|\}~]+";
    let local = texts_of(&format!(r#"{atom}(\.{atom})*|"([ !#-\[\]-~]|\\[ -~])*""#))?;
    let literal = Pattern::concat([
        Pattern::literal("["),
        Pattern::or([texts_of(IPV4)?, Pattern::concat([texts_of("[iI][pP][vV]6:")?, ipv6()?])]),
        Pattern::literal("]"),
    ]);
    let label = "[a-zA-Z0-9]([a-zA-Z0-9\\-]*[a-zA-Z0-9])?";
    let domain = texts_of(&format!(r"{label}(\.{label})*"))?;
    Ok(Pattern::concat([local, Pattern::literal("@"), Pattern::or([domain, literal])]))
}

/// RFC 4291.
fn ipv6() -> Result<Pattern, ConstraintError> {
    let group = "[0-9a-fA-F]{1,4}";
    let last = format!("({group}:{group}|{IPV4})");
    let mut all = vec![format!("({group}:){{6}}{last}"), format!("::({group}:){{5}}{last}")];
    for before in 0..=4 {
        let after = 4 - before;
        all.push(format!("(({group}:){{0,{before}}}{group})?::({group}:){{{after}}}{last}"));
    }
    all.push(format!("(({group}:){{0,5}}{group})?::{group}"));
    all.push(format!("(({group}:){{0,6}}{group})?::"));
    texts_of(&all.join("|"))
}

/// RFC 3986.
fn uri(or_relative: bool) -> Result<Pattern, ConstraintError> {
    let coded = "%[0-9a-fA-F]{2}";
    let free = r"a-zA-Z0-9\-._~!$&'()*+,;=";
    let pchar = format!("([{free}:@]|{coded})");
    let v6 = ipv6()?;
    let user = texts_of(&format!("(([{free}:]|{coded})*@)?"))?;
    let host = Pattern::or([
        texts_of(&format!("([{free}]|{coded})*"))?,
        Pattern::concat([Pattern::literal("["), v6, Pattern::literal("]")]),
        texts_of(&format!(r"\[[vV][0-9a-fA-F]+\.[{free}:]+\]"))?,
    ]);
    let authority = Pattern::concat([Pattern::literal("//"), user, host, texts_of("(:[0-9]*)?")?]);
    let rooted = texts_of(&format!(r"(\/{pchar}*)*"))?;
    let path = texts_of(&format!(r"\/({pchar}+(\/{pchar}*)*)?"))?;
    let rootless = texts_of(&format!(r"{pchar}+(\/{pchar}*)*"))?;
    let tail = texts_of(&format!(r"(\?([{free}:@\/?]|{coded})*)?(#([{free}:@\/?]|{coded})*)?"))?;
    let with_authority = Pattern::concat([authority, rooted]);
    let scheme = texts_of(r"[a-zA-Z][a-zA-Z0-9+\-.]*:")?;
    let hierarchy = Pattern::or([with_authority.clone(), path.clone(), rootless, Pattern::empty()]);
    let whole = Pattern::concat([scheme, hierarchy, tail.clone()]);
    if !or_relative {
        return Ok(whole);
    }
    let no_scheme = texts_of(&format!(r"([{free}@]|{coded})+(\/{pchar}*)*"))?;
    let relative = Pattern::or([with_authority, path, no_scheme, Pattern::empty()]);
    Ok(Pattern::or([whole, Pattern::concat([relative, tail])]))
}

#[cfg(test)]
mod tests {
    use super::texts;

    #[test]
    fn formats_are_those_of_their_standards() {
        let cases = [
            (
                "date",
                &["2024-02-29", "2000-02-29", "2023-12-31"][..],
                &["2023-02-29", "1900-02-29", "2023-04-31", "2023-13-01"][..],
            ),
            (
                "time",
                &["23:59:60Z", "01:29:60+01:30", "23:29:60+23:30", "15:59:60-08:00", "08:30:06.283185Z"],
                &["22:59:60Z", "23:59:60+00:30", "24:00:00Z", "12:00:00", "23:59:60-01:00"],
            ),
            (
                "date-time",
                &["1998-12-31T23:59:60Z", "1963-06-19t08:30:06.28z"],
                &["1998-12-31T22:59:60Z", "1963-06-19 08:30:06Z"],
            ),
            ("duration", &["P4DT12H30M5S", "P4Y", "PT36H", "P4W"], &["P", "P1D2H", "PT1D", "P2Y1W", "P1Y2D"]),
            (
                "email",
                &["a.b+c@d-e.org", "\"joe bloggs\"@example.com", "joe@[127.0.0.1]", "joe@[IPv6:::1]"],
                &["@", "a@", ".a@b.c", "a..b@c.d", "joe@[127.0.0.300]"],
            ),
            ("ipv4", &["192.168.0.1", "255.255.255.255"], &["256.0.0.1", "01.2.3.4", "1.2.3"]),
            (
                "ipv6",
                &[
                    "::1",
                    "::",
                    "1:2:3:4:5:6:7:8",
                    "1::8",
                    "::ffff:192.168.0.1",
                    "1:2::7:8",
                    "1:2:3:4:5:6::8",
                    "1:2:3:4:5:6:7::",
                ],
                &["12345::", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:1.2.3.4"],
            ),
            (
                "uuid",
                &["2EB8AA08-aa98-11ea-b4aa-73b441d16380"],
                &["2eb8aa08aa9811eab4aa73b441d16380", "2eb8"],
            ),
            (
                "uri",
                &["http://foo.bar/?q=Test%20URL#x", "urn:oasis:names", "http://[::1]:80/", "mailto:a@b.c"],
                &["//foo.bar", "/abc", "http://a b", "abc", "http://[::1", ":// x"],
            ),
            (
                "uri-reference",
                &["", "/abc", "//foo.bar", "#frag", "a/b:c", "http://x"],
                &["\\\\x", "#a\\b", "a:b c"],
            ),
        ];
        for (format, right, wrong) in cases {
            let texts = texts(format).unwrap().unwrap();
            for text in right {
                assert!(texts.matches(text).unwrap(), "{format} {text}");
            }
            for text in wrong {
                assert!(!texts.matches(text).unwrap(), "{format} {text}");
            }
        }
        assert!(texts("regex").unwrap().is_err());
        assert!(texts("colour").is_none());
    }
}
