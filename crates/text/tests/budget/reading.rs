//! Long templates: reading one takes time in proportion to its length, whatever it repeats.

use std::time::{Duration, Instant};

use linnet_text::ChatTemplate;

/// The largest template that is read, about.
const LENGTH: usize = 250_000;
/// The shorter template has a quarter of the length: in proportion it takes a quarter of the time, and a
/// sixteenth if the time grows with the square.
const MAX_RATIO: u32 = 9;
/// Less time than this tells nothing about its growth.
const TELLING: Duration = Duration::from_millis(80);

/// Start, repeated part and end; `@` is the number of the repetition.
const LONG: [[&str; 3]; 29] = [
    ["{% macro m(", "a@=x,", "z=1) %}{% endmacro %}"],
    ["{% macro m(", "a@=1,", "z=1) %}{% endmacro %}"],
    ["{% macro m(", "a@,", "z) %}{{ varargs }}{% endmacro %}{{ m() }}"],
    ["{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(", "a@=1,", ") }}"],
    ["{% macro m() %}{{ varargs }}{% endmacro %}{{ m(", "@,", ") }}"],
    ["", "{% macro m@() %}{{ varargs }}{% endmacro %}{{ m@(1) }}", ""],
    ["{% macro m() %}", "{% macro n@() %}{{ a@ }}{% endmacro %}", "{% endmacro %}"],
    ["{% macro m() %}", "{% set a@ = b@ %}", "{% endmacro %}"],
    ["{% macro m() %}", "{{ a@ }}", "{% endmacro %}"],
    ["", "{% call(x@) f(y@) %}a{% endcall %}", ""],
    ["{{ [", "+1,", "1] }}"],
    ["{{ [", "'\\U00000041',", "1] }}"],
    ["{{ [", "'a\\\nb',", "1] }}"],
    ["{{ {", "'a@': 1,", "} }}"],
    ["{{ {", "a@: b@[1:2],", "} }}"],
    ["{{ f(", "a@,", ") }}"],
    ["", "{% generation %}a{% endgeneration %}", ""],
    ["", "{% block b@ %}a{% endblock %}", ""],
    ["", "{% set a@ = 1 %}", ""],
    ["", "{% set a@ %}b{% endset %}", ""],
    ["{% set ", "a@,", "b = x %}"],
    ["{% with ", "a@=1,", "b=2 %}{% endwith %}"],
    ["{% for ", "a@,", "b in x %}{% endfor %}"],
    ["", "{% for a in b %}{{ a.c@ }}{% endfor %}", ""],
    ["", "{% if a@ == 'b' %}c{% else %}d{% endif %}", ""],
    ["", "{{ a@.b@ ~ c }}", ""],
    ["", "{% raw %}{{{% endraw %}", ""],
    ["", "{#- a -#} b\r\n", ""],
    ["", "{% filter upper %}a{% endfilter %}", ""],
];

fn long([start, part, end]: [&str; 3], length: usize) -> String {
    let mut source = start.to_owned();
    for number in 0.. {
        if source.len() + part.len() + 8 + end.len() > length {
            break;
        }
        source.push_str(&part.replace('@', &number.to_string()));
    }
    source + end
}

/// Calls of a macro with many parameters, half of the template each.
fn calls(length: usize) -> String {
    let declared = long(["{% macro m(", "a@,", "z) %}{{ varargs }}{% endmacro %}"], length / 2);
    declared + &long(["{% if false %}", "{{ m() }}", "{% endif %}"], length / 2)
}

/// Calls among many macros.
fn macros(length: usize) -> String {
    let declared = long(["", "{% macro m@() %}{{ varargs }}{% endmacro %}", ""], length / 2);
    declared + &long(["{% if false %}", "{{ m@() }}", "{% endif %}"], length / 2)
}

/// The shortest time that reading took.
fn time(source: &str) -> Duration {
    let once = || {
        let started = Instant::now();
        let _ = ChatTemplate::new(source, "", "");
        started.elapsed()
    };
    (0..3).map(|_| once()).min().unwrap_or_default()
}

/// Templates whose reading takes too long for their length.
pub fn slow() -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |name: &str, of: &dyn Fn(usize) -> String| {
        let [short, whole] = [LENGTH / 4, LENGTH].map(|length| time(&of(length)));
        if whole > TELLING && whole > short * MAX_RATIO {
            wrong.push(format!("{whole:?} for {LENGTH} bytes, {short:?} for a quarter: {name}"));
        }
    };
    for parts in LONG {
        check(&parts.concat(), &|length| long(parts, length));
    }
    check("calls", &calls);
    check("macros", &macros);
    wrong
}
