//! The include step: WGSL has no modules, so sources name what they need.
//!
//! A line `#include name` is replaced by `shared/name.wgsl` (once per module), and `#include name as up` by the same
//! with `up` for the buffer `weights`; the name `format` stands for the reader of the kernel's block format, and
//! `second_format` for that of its second matrix, whose scales begin elsewhere. Lines between `#if flag` or
//! `#if !flag`, `#else` and `#end` stay when the flag is set (or not). A line that names something unknown stays as it
//! is, which no WGSL compiler accepts.

/// What a module is made from besides its own source.
pub(crate) struct Context<'a> {
    /// Flags that are set.
    pub flags: &'a [&'a str],
    /// Name of the include that reads the kernel's block format.
    pub format: Option<&'a str>,
    /// Name of the include that reads the format of the kernel's second matrix, if that has one of its own.
    pub second: Option<&'a str>,
}

const SHARED: &[(&str, &str)] = &[
    ("second_matrix", include_str!("../shared/second_matrix.wgsl")),
    ("bf16", include_str!("../shared/bf16.wgsl")),
    ("cache", include_str!("../shared/cache.wgsl")),
    ("candidates", include_str!("../shared/candidates.wgsl")),
    ("chunk_sums", include_str!("../shared/chunk_sums.wgsl")),
    ("ended", include_str!("../shared/ended.wgsl")),
    ("f16", include_str!("../shared/f16.wgsl")),
    ("f32", include_str!("../shared/f32.wgsl")),
    ("floats", include_str!("../shared/floats.wgsl")),
    ("fp4_values", include_str!("../shared/fp4_values.wgsl")),
    ("gated", include_str!("../shared/gated.wgsl")),
    ("grid", include_str!("../shared/grid.wgsl")),
    ("grid_2", include_str!("../shared/grid_2.wgsl")),
    ("grid_3", include_str!("../shared/grid_3.wgsl")),
    ("halves", include_str!("../shared/halves.wgsl")),
    ("integers", include_str!("../shared/integers.wgsl")),
    ("iq1_m", include_str!("../shared/iq1_m.wgsl")),
    ("iq1_s", include_str!("../shared/iq1_s.wgsl")),
    ("iq2_s", include_str!("../shared/iq2_s.wgsl")),
    ("iq2_xs", include_str!("../shared/iq2_xs.wgsl")),
    ("iq2_xxs", include_str!("../shared/iq2_xxs.wgsl")),
    ("iq3_s", include_str!("../shared/iq3_s.wgsl")),
    ("iq3_xxs", include_str!("../shared/iq3_xxs.wgsl")),
    ("iq4_nl", include_str!("../shared/iq4_nl.wgsl")),
    ("iq4_values", include_str!("../shared/iq4_values.wgsl")),
    ("iq4_xs", include_str!("../shared/iq4_xs.wgsl")),
    ("k_scales", include_str!("../shared/k_scales.wgsl")),
    ("mxfp4", include_str!("../shared/mxfp4.wgsl")),
    ("nucleus", include_str!("../shared/nucleus.wgsl")),
    ("nvfp4", include_str!("../shared/nvfp4.wgsl")),
    ("outputs", include_str!("../shared/outputs.wgsl")),
    ("pack", include_str!("../shared/pack.wgsl")),
    ("penalties", include_str!("../shared/penalties.wgsl")),
    ("q1_0", include_str!("../shared/q1_0.wgsl")),
    ("q2_0", include_str!("../shared/q2_0.wgsl")),
    ("q2_k", include_str!("../shared/q2_k.wgsl")),
    ("q3_k", include_str!("../shared/q3_k.wgsl")),
    ("q4_0", include_str!("../shared/q4_0.wgsl")),
    ("q4_1", include_str!("../shared/q4_1.wgsl")),
    ("q4_k", include_str!("../shared/q4_k.wgsl")),
    ("q5_0", include_str!("../shared/q5_0.wgsl")),
    ("q5_1", include_str!("../shared/q5_1.wgsl")),
    ("q5_k", include_str!("../shared/q5_k.wgsl")),
    ("q6_k", include_str!("../shared/q6_k.wgsl")),
    ("q8_0", include_str!("../shared/q8_0.wgsl")),
    ("quads", include_str!("../shared/quads.wgsl")),
    ("ring", include_str!("../shared/ring.wgsl")),
    ("row", include_str!("../shared/row.wgsl")),
    ("row_sums", include_str!("../shared/row_sums.wgsl")),
    ("rows", include_str!("../shared/rows.wgsl")),
    ("scores", include_str!("../shared/scores.wgsl")),
    ("stage", include_str!("../shared/stage.wgsl")),
    ("staged_row", include_str!("../shared/staged_row.wgsl")),
    ("step", include_str!("../shared/step.wgsl")),
    ("tabled_nibbles", include_str!("../shared/tabled_nibbles.wgsl")),
    ("tile", include_str!("../shared/tile.wgsl")),
    ("tile_rows", include_str!("../shared/tile_rows.wgsl")),
    ("tq1_0", include_str!("../shared/tq1_0.wgsl")),
    ("tq2_0", include_str!("../shared/tq2_0.wgsl")),
    ("rotate", include_str!("../shared/rotate.wgsl")),
    ("words", include_str!("../shared/words.wgsl")),
];

/// Resolves the directives of `source`.
pub(crate) fn compose(source: &str, context: &Context<'_>) -> String {
    let mut out = String::new();
    append(source, context, &mut Vec::new(), &mut out);
    out
}

fn append<'s>(source: &'s str, context: &Context<'_>, included: &mut Vec<&'s str>, out: &mut String) {
    // Whether to keep what stands between the innermost directives, and those around them.
    let mut kept = Vec::new();
    for line in source.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["#if", flag] => {
                kept.push(context.flags.contains(&flag.trim_start_matches('!')) != flag.starts_with('!'));
            }
            ["#else"] => {
                if let Some(keep) = kept.last_mut() {
                    *keep = !*keep;
                }
            }
            ["#end"] => {
                kept.pop();
            }
            _ if kept.contains(&false) => {}
            ["#include", "format"] => append_format(context, included, out),
            ["#include", "second_format", "as", buffer] => {
                let context = Context { format: context.second, ..*context };
                let mut text = String::new();
                append_format(&context, &mut Vec::new(), &mut text);
                let scales = format!("{}_SCALES", buffer.to_uppercase());
                out.push_str(&text.replace("SCALES", &scales).replace("weights", buffer));
            }
            ["#include", name, "as", buffer] => {
                let mut text = String::new();
                append(&format!("#include {name}"), context, &mut Vec::new(), &mut text);
                out.push_str(&text.replace("weights", buffer));
            }
            ["#include", name] if included.contains(name) => {}
            ["#include", name] => match shared(name) {
                Some(text) => {
                    included.push(name);
                    append(text, context, included, out);
                }
                None => push_line(line, out),
            },
            _ => push_line(line, out),
        }
    }
}

/// Appends the reader of the format.
fn append_format(context: &Context<'_>, included: &mut Vec<&str>, out: &mut String) {
    let Some(format) = context.format.and_then(shared) else {
        return push_line("#include format", out);
    };
    append(shared("words").unwrap_or_default(), context, included, out);
    append(format, context, included, out);
}

fn shared(name: &str) -> Option<&'static str> {
    SHARED.iter().find(|(shared, _)| *shared == name).map(|(_, text)| *text)
}

fn push_line(line: &str, out: &mut String) {
    out.push_str(line);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_choose_lines_and_includes_come_once() {
        let context = Context { flags: &["a"], format: None, second: None };
        let text = compose("#if a\none\n#else\ntwo\n#end\n#if !b\nthree\n#else\nfour\n#end\n", &context);
        assert_eq!(text, "one\nthree\n");
        let nested = "#if a\n#if b\none\n#else\ntwo\n#end\n#else\n#if a\nthree\n#end\n#end\nfour\n";
        assert_eq!(compose(nested, &context), "two\nfour\n");
        let twice = compose("#include rows\n#include rows\n", &context);
        assert_eq!(twice.matches("fn row_count").count(), 1);
        assert!(compose("#include nothing\n", &context).contains("#include nothing"));
    }

    #[test]
    fn a_format_is_included_under_the_name_of_its_buffer() {
        let context = Context { flags: &[], format: Some("q4_k"), second: Some("q8_0") };
        let text = compose("#include format\n#include format as up\n", &context);
        for name in ["fn weights_pair(", "fn up_pair(", "fn up_k_scale(", "fn up_d(", "(up[index],"] {
            assert!(text.contains(name), "{name} is missing");
        }
        let text = compose("#include second_format as second_weights\n", &context);
        for name in ["fn second_weights_pair(", "(second_weights[SECOND_WEIGHTS_SCALES +"] {
            assert!(text.contains(name), "{name} is missing");
        }
    }
}
