//! Malicious templates: each must end quickly in an error with a code, on a small stack.

use std::time::{Duration, Instant};

use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError};
use proptest::prelude::proptest;
use serde_json::json;

/// The default stack of a wasm module.
const STACK: usize = 1 << 20;

fn render(source: &str) -> Result<String, TextError> {
    let messages =
        json!([{"role": "user", "content": "Hello 😀 <|im_end|>"}, {"role": "assistant", "content": null}]);
    let mut context = ChatContext::new(messages, LocalTime::EPOCH);
    context.tools =
        Some(json!([{"type": "function", "function": {"name": "f", "parameters": {"a": [1, 2.5]}}}]));
    ChatTemplate::new(source, "<s>", "</s>")?.render(&context)
}

/// Renders on a stack of [`STACK`] bytes.
fn render_small(source: String) -> Result<String, TextError> {
    std::thread::Builder::new().stack_size(STACK).spawn(move || render(&source)).unwrap().join().unwrap()
}

/// `{% set ns.x = STEP %}`, `times` times, then `END`.
fn grown(step: &str, times: usize, end: &str) -> String {
    format!(
        "{{% set ns = namespace(x=[1]) %}}{{% for i in range({times}) %}}{{% set ns.x = {step} %}}{{% endfor %}}{end}"
    )
}

#[test]
fn malicious_templates_end_in_bad_template() {
    let long = 20_000;
    let cases = [
        (
            "endless loop",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}".into(),
        ),
        ("huge range", "{{ range(100000000000)|list }}".into()),
        ("huge string", "{{ 'x' * 10000000000 }}".into()),
        ("huge list", "{{ ([1] * 10000000000)|length }}".into()),
        ("doubling string", grown("ns.x ~ ns.x", 60, "{{ ns.x|length }}")),
        ("doubling list", grown("[ns.x, ns.x]", 60, "{{ ns.x ~ '' }}")),
        ("doubling map", grown("{'a': ns.x, 'b': ns.x}", 60, "{{ ns.x|tojson }}")),
        ("doubling join", grown("[ns.x, ns.x]|join(',')", 60, "{{ ns.x|length }}")),
        ("replace", "{% set s = 'a' * 3000000 %}{{ s.replace('a', s)|length }}".into()),
        ("join", "{% set s = 'a' * 3000000 %}{{ s.join(s|list)|length }}".into()),
        ("format", "{{ '{:>99999999999}'.format(1)|length }}".into()),
        ("percent format", "{{ '%99999999999d'|format(1)|length }}".into()),
        ("percent operator", "{{ ('%99999999999d' % 1)|length }}".into()),
        ("nested cyclers", grown("cycler(ns.x)", long, "done")),
        ("nested joiners", grown("joiner(ns.x)", long, "done")),
        (
            "a cycler of much",
            "{% set s = 'a' * 300000 %}{% set c = cycler(*([s] * 100000)) %}{{ (c|pprint ~ c ~ (c|string))|length \
             }}{{ c.nope() }}".into(),
        ),
        ("percents in percents", format!("{{{{ {} 1 {} }}}}", "'%s' % (".repeat(long), ")".repeat(long))),
        ("split", "{% set s = 'a ' * 3000000 %}{{ s.split(' ')|length }}".into()),
        ("indent", "{{ [[[1]]]|tojson(indent=99999999) }}".into()),
        ("nested list", grown("[ns.x]", long, "{{ ns.x }}")),
        ("nested map", grown("{'a': ns.x}", long, "done")),
        (
            "nested slices",
            grown("ns.x[0:]", long, "{{ ns.x|length }}{% for i in range(99999999) %}{% endfor %}"),
        ),
        ("nested sets", format!("{{% set x = [] %}}{}{{{{ x }}}}", "{% set x = [x] %}".repeat(long))),
        ("namespace in itself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}".into()),
        ("namespace in a list", "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns|tojson }}".into()),
        ("macro recursion", "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}".into()),
        (
            "doubling arguments",
            "{% macro f(x, n) %}{{ f([x, x], n - 1) if n else x ~ '' }}{% endmacro %}{{ f(1, 40) }}".into(),
        ),
        ("loop recursion", "{% for y in [[1]] recursive %}{{ loop([[y, y]]) }}{% endfor %}".into()),
        ("long sum", format!("{{{{ 1{} }}}}", "+ 1".repeat(long))),
        ("long and", format!("{{{{ x{} }}}}", " and a".repeat(long))),
        ("long not", format!("{{{{ {} x }}}}", "not ".repeat(long))),
        ("long minus", format!("{{{{ {}1 }}}}", "-".repeat(long))),
        ("long path", format!("{{{{ x{} }}}}", ".a".repeat(long))),
        ("long calls", format!("{{{{ x{} }}}}", "()".repeat(long))),
        ("long filters", format!("{{{{ 'x'{} }}}}", "|upper".repeat(long))),
        ("long ternary", format!("{{{{ {} 1 }}}}", "1 if x else ".repeat(long))),
        ("long elif", format!("{{% if x %}}{}{{% endif %}}", "{% elif x %}".repeat(long))),
        ("brackets", format!("{{{{ {}1{} }}}}", "[".repeat(long), "]".repeat(long))),
        ("open brackets", format!("{{{{ {}", "[".repeat(long))),
        ("nested ifs", format!("{}{}", "{% if x %}".repeat(long), "{% endif %}".repeat(long))),
        ("nested fors", format!("{}{}", "{% for x in y %}".repeat(long), "{% endfor %}".repeat(long))),
        ("unclosed", "{% for x in".into()),
        ("unknown filter", "{{ 1|nonesuch }}".into()),
        ("unknown method", "{{ 'a'.nonesuch() }}".into()),
        ("attribute of nothing", "{{ messages[0].nothing.more }}".into()),
        ("not a list", "{% for x in 5 %}{% endfor %}".into()),
        ("include", "{% include 'chat' %}".into()),
        ("no division", "{{ 1 // 0 }}{{ 1 % 0 }}".into()),
        ("long", " ".repeat((1 << 20) + 1)),
    ];
    for (name, source) in cases {
        let started = Instant::now();
        match render_small(source) {
            Err(error) => assert!(matches!(error, TextError::Template { .. }), "{name}: {error}"),
            Ok(text) => panic!("{name} gave {} bytes", text.len()),
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{name} took {:?}", started.elapsed());
    }
}

/// Values just below the limits work on the same stack.
#[test]
fn values_below_the_limits_work() {
    assert_eq!(render_small(grown("[ns.x]", 150, "{{ ns.x|string|length }}")).unwrap(), "303");
    assert_eq!(render_small(format!("{{{{ 1{} }}}}", " + 1".repeat(240))).unwrap(), "241");
    assert_eq!(render_small(format!("{{{{ {}x }}}}", "not ".repeat(490))).unwrap(), "False");
    let elifs = "{% elif false %}".repeat(190);
    assert_eq!(render_small(format!("{{% if false %}}{elifs}{{% else %}}e{{% endif %}}")).unwrap(), "e");
    let nested = format!("{}x{}", "{% if true %}".repeat(60), "{% endif %}".repeat(60));
    assert_eq!(render_small(nested).unwrap(), "x");
    let macros = "{% macro f(n) %}{{ f(n - 1) if n else 'end' }}{% endmacro %}{{ f(20) }}";
    assert_eq!(render_small(macros.into()).unwrap(), "end");
}

#[test]
fn a_long_conversation_is_within_the_budget() {
    let source = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% \
    endfor %}";
    let content = "All work and no play makes Jack a dull boy. ".repeat(100);
    let message = json!({"role": "user", "content": content});
    let messages = vec![message; 1000];
    let template = ChatTemplate::new(source, "", "").unwrap();
    let text = template.render(&ChatContext::new(messages, LocalTime::EPOCH)).unwrap();
    assert_eq!(text.len(), 1000 * (content.len() + "<|im_start|>user\n<|im_end|>\n".len()));
}

#[test]
fn errors_give_the_line() {
    let error = render("line 1\n{% set x = [1,\n 2] %}\n{{ nothing.more }}").unwrap_err();
    assert!(matches!(error, TextError::Template { line: Some(4), .. }), "{error:?}");
    let error = render("{{ raise_exception('no ' + bos_token) }}").unwrap_err();
    assert!(matches!(error, TextError::RefusedByTemplate { .. }), "{error:?}");
    assert!(error.to_string().ends_with("no <s>"), "{error}");
}

proptest! {
    /// Random combinations of template pieces render or fail; they never panic.
    #[test]
    fn pieces_of_templates_never_panic(
        pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..24),
    ) {
        let _ = render(&pieces.concat());
    }

    /// The same for random text.
    #[test]
    fn text_never_panics(source in r#"(\{%|%\}|\{\{|\}\}|\{#|#\}|-|\PC|[a-z ]{1,8}|[|.,()'"=+*~\[\]0-9]){0,40}"#) {
        let _ = render(&source);
    }
}

const PIECES: [&str; 42] = [
    "{% for m in messages %}",
    "{% for m in messages|reverse if m %}",
    "{%- for k, v in m.items() -%}",
    "{% else %}",
    "{% endfor %}",
    "{% break %}",
    "{% continue %}",
    "{% if m.content is string %}",
    "{% elif m['role'] == 'user' and not loop.last %}",
    "{% endif %}",
    "{% set x = m.content %}",
    "{% set x, y = messages %}",
    "{% set ns = namespace(x=messages) %}",
    "{% set ns.x = [ns.x, ns] %}",
    "{% set x %}",
    "{% endset %}",
    "{% macro f(m, x=1) %}",
    "{% endmacro %}",
    "{% call(x) f(m) %}",
    "{{ caller(x) }}",
    "{% endcall %}",
    "{% generation %}",
    "{% endgeneration %}",
    "{% raw %}",
    "{% endraw %}",
    "{% filter upper %}",
    "{% endfilter %}",
    "{{ f(x) }}",
    "{{ m }}",
    "{{ m.content|trim }}",
    "{{ x|tojson(indent=2) }}",
    "{{ tools[0].function.parameters|tojson }}",
    "{{ messages[1:][::-1][0] }}",
    "{{ m.content.split('</think>')[-1].lstrip('\\n') }}",
    "{{ x.replace('', 'a').upper().title() }}",
    "{{ x + 1 }}",
    "{{ x * 3 }}",
    "{{ x[-1] / 0 }}",
    "{{ strftime_now('%d %b %Y %-') }}",
    "{{ raise_exception(x) }}",
    "{{ range(3)|list|join(', ') ~ loop.index0 ~ ns }}",
    "text 😀\n",
];
