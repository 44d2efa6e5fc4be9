//! Limits on the cost of templates: each of these takes much work through one filter, method, operator, test
//! or function, and must end quickly and in little memory with an error that has a code.

#[path = "../../../tests/support/allocator.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod allocator;

use std::time::{Duration, Instant};

use allocator::peak;
use linnet_text::{ChatContext, ChatTemplate, LocalTime, TextError};
use serde_json::json;

/// Memory for compiling and rendering, in addition to [`PER_BYTE`] for each byte of template and context.
const CONSTANT: usize = 32 << 20;
const PER_BYTE: usize = 128;
/// Memory per message, including its bytes.
const PER_MESSAGE: usize = 32 << 10;
/// Messages of a long chat.
const MANY: usize = 1_000;
/// The slowest test machine takes a fraction of this.
const TIME: Duration = Duration::from_secs(4);

/// A list that expands to 20 GB, made from one string of 200 kB.
const LIST: &str = "([a] * 100000)";

/// Operations on such a list.
const EXPANDING: [&str; 76] = [
    "LIST|join",
    "LIST|join(', ')",
    "LIST|join('', attribute='x')",
    "a.join(LIST)",
    "LIST|pprint",
    "LIST|string",
    "LIST|escape",
    "LIST|e",
    "LIST|forceescape",
    "LIST|safe",
    "LIST|upper",
    "LIST|lower",
    "LIST|title",
    "LIST|capitalize",
    "LIST|trim",
    "LIST|trim(a)",
    "LIST|center(9)",
    "LIST|replace('a', 'b')",
    "'a'|replace(LIST, 'b')",
    "'a'|replace('a', LIST)",
    "LIST|indent",
    "LIST|striptags",
    "LIST|truncate",
    "LIST|wordcount",
    "LIST|wordwrap",
    "LIST|urlize",
    "[[LIST, 1]]|urlencode",
    "{'a': LIST}|urlencode",
    "{'a': LIST}|xmlattr",
    "LIST|tojson",
    "LIST|tojson(indent=4)",
    "LIST|tojson(sort_keys=true)",
    "LIST|tojson(separators=[LIST, LIST])",
    "LIST ~ ''",
    "'' ~ LIST",
    "'%s' % LIST",
    "'%s%s' % (a, LIST)",
    "'%(x)s' % {'x': LIST}",
    "'%s'|format(LIST)",
    "'%(x)s'|format(x=LIST)",
    "'{}'.format(LIST)",
    "'{0}{0}{0}{x}'.format(a, x=LIST)",
    "raise_exception(LIST)",
    "{LIST: 1}",
    "{'a': 1}[LIST]",
    "{'a': 1}.get(LIST)",
    "dict([[LIST, 1]])",
    "LIST in {'a': 1}",
    "LIST == [a] * 100000",
    "LIST != [a] * 100000",
    "LIST < [a] * 100000",
    "LIST <= [a] * 100000 < LIST",
    "1 < LIST == LIST",
    "[a] * 100000 in [LIST]",
    "LIST is eq([a] * 100000)",
    "LIST is ge([a] * 100000)",
    "LIST is in([[a] * 100000])",
    "LIST is upper",
    "LIST is lower",
    "LIST|map('upper')|list",
    "[LIST]|map('string')|list",
    "[LIST]|select('eq', [a] * 100000)|list",
    "[LIST, LIST]|sort",
    "LIST|sort",
    "LIST|unique|list",
    "LIST|min",
    "LIST|max",
    "{'a': LIST, 'b': LIST}|dictsort(by='value')",
    "[{'k': LIST}, {'k': LIST}]|groupby('k')",
    "LIST|sum(start='')",
    "LIST|sum(start=[])",
    "LIST.count([a] * 100000) + [LIST].count([a] * 100000)",
    "[LIST].index([a] * 100000)",
    "LIST|list|list|list|list|list|list|list|list|list|list",
    "namespace(x=LIST).x",
    "joiner(LIST)",
];

/// Operations that are cheap once and expensive when repeated: `a` and `b` are the same string of 200 kB, `l`
/// and `m` the same list of 4,000 items.
const REPEATED: [&str; 94] = [
    "a is upper",
    "a is lower",
    "a is string and a|length",
    "a[-1]",
    "a[190000]",
    "a[1:3]",
    "a[::-1]|first",
    "a == b",
    "a != b",
    "a < b",
    "'0' < a <= b",
    "a is eq(b)",
    "a is lt(b)",
    "'b' in a",
    "'b' is in(a)",
    "a in [b]",
    "a.count('b')",
    "a.find('b')",
    "a.rfind('b')",
    "(a ~ 'c').index('c')",
    "a.find('a', -1)",
    "a.isupper()",
    "a.islower()",
    "a.isalnum()",
    "a.isalpha()",
    "a.isascii()",
    "a.isdigit()",
    "a.strip('ab')",
    "a.lstrip('a')",
    "a.rstrip('bca')",
    "a.split('b')|length",
    "a.rsplit('b')|length",
    "a.splitlines()|length",
    "a.partition('b')|length",
    "a.rpartition('b')|length",
    "a.removeprefix('b')|length",
    "a.removesuffix('b')|length",
    "a.replace('b', '')|length",
    "a.upper()|length",
    "a.lower()|length",
    "a.title()|length",
    "a.capitalize()|length",
    "a.swapcase()|length",
    "a.center(1)|length",
    "a.zfill(1)|length",
    "a.join(['', ''])|length",
    "a|count",
    "a|wordcount",
    "a|trim|length",
    "a|trim('b')|length",
    "a|upper|length",
    "a|list|length",
    "a|reverse|first",
    "a|batch(9)|first",
    "a|slice(9)|first",
    "a|unique|first",
    "a|min",
    "a|max",
    "a|sort|first",
    "a|map('upper')|first",
    "a|select('eq', 'b')|first",
    "a|int",
    "a|float",
    "a|truncate(5)",
    "a|striptags|length",
    "a|string|length",
    "a|safe|length",
    "{b: 1}[a]",
    "{b: 1}.get(a)",
    "a in {b: 1}",
    "loop.changed(a)",
    "l.index('x')",
    "l.count(1)",
    "l == m",
    "l < m",
    "1 in l",
    "1 is in(l)",
    "l|sum",
    "l|min",
    "l|sort|first",
    "l|unique|first",
    "l|reverse|first",
    "l|map('string')|first",
    "l|batch(2)|first",
    "(l + m)|length",
    "(l * 2)|length",
    "l[::2]|list|length",
    "dict(x=l, y=l)|length",
    "range(99999)|last",
    "range(99999)[::2]|length",
    "(range(99999)|map('abs'))|length",
    "50000 in range(99999)",
    "a|trim(b ~ 'x')",
    "a.strip('b' * 1000 ~ 'a')",
];

/// Templates that take much work through a large number or through growth.
fn grown() -> Vec<String> {
    let doubled = |step: &str| {
        format!(
            "{{% set ns = namespace(x='ab', l=[1, 2], d={{'k': 1}}) %}}{{% for i in range(60) %}}{step}{{% endfor %}}"
        )
    };
    let mut sources: Vec<String> = [
        "{% set a=['a'*200000] %}{{ ([a]*100000)|join|length }}",
        "{{ 'x' * 10**9 }}",
        "{{ ('x' * 10**9)|length }}",
        "{{ ([1] * 10**9)|length ~ [[1] * 10**9] }}",
        "{{ 10**9 * 'x' }}",
        "{% set x = [1] * 575927 %}{{ x|length }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%.1000000000f' % 1 }}",
        "{{ '%*d' % (1000000000, 1) }}",
        "{{ '%s' * 9 % ('x' * 10**9) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '{:{}}'.format(1, 1000000000) }}",
        "{{ '{:.{}f}'.format(1.5, 1000000000) }}",
        "{{ '%(é)s' % {'é': 1} }}",
        "{{ '%(é'|format(1) }}",
        "{{ '%6d|%(5d|%ћ' % (1, 2) }}",
        "{{ '{0[é]}'.format({'é': 1}) }}",
        "{{ '{0[a}é'.format({}) }}",
        "{{ 'x'|center(10**9) }}",
        "{{ 'x'.center(10**9) }}",
        "{{ 'x'.ljust(10**9) }}",
        "{{ 'x'.rjust(10**9, '€') }}",
        "{{ 'x'.zfill(10**9) }}",
        "{{ 'x\\ny'|indent(10**9) }}",
        "{{ ('x\\n' * 100000)|indent('x' * 100000) }}",
        "{{ [[1]]|tojson(indent=10**9) }}",
        "{{ ([1] * 100000)|tojson(indent='x' * 100000) }}",
        "{{ ([a] * 200000)|tojson(sort_keys=true) }}",
        "{{ ([[]] * 200000)|tojson(sort_keys=true) }}",
        "{{ ([{'a': 1}] * 200000)|tojson(sort_keys=true) }}",
        "{{ ('a' * 100000).replace('', 'b' * 100000) }}",
        "{{ ('a' * 100000)|replace('a', 'b' * 100000) }}",
        "{{ ('a' * 100000).join('b' * 100000) }}",
        "{{ ('a' * 100000)|list|join('b' * 100000) }}",
        "{{ ('a b ' * 100000)|wordwrap(1, wrapstring='b' * 100000) }}",
        "{{ ('www.a.com ' * 50000)|urlize(target='x' * 100000) }}",
        "{{ range(10**9)|list }}",
        "{{ ({}.items() * 10**18)|length ~ ('x' * 10**18) }}",
        "{% set a = 'a' * 200000 %}{{ a|trim('b' * 200000 ~ 'a') }}",
        "{% set a = 'a' * 200000 %}{{ a.rstrip('b' * 200000 ~ 'a') }}",
        "{{ range(10**9)|sum }}",
        "{{ namespace('x' * 1000000).a }}{{ dict('x' * 1000000)|length }}",
        "{{ dict(['ab'] * 200000)|length }}{{ dict(range(99999)|map('string')|list)|length }}",
        "{{ []|slice(10**9) }}",
        "{{ [1]|batch(10**9, 2) }}",
        "{{ strftime_now('%c' * 1000000) }}",
        "{{ raise_exception('x' * 10**9) }}",
        "{{ ('x' * 10**6) ~ nothing.x }}",
        "{{ (range(99999)|list ~ '')|length }}{{ (range(99999)|list|pprint)|length }}{% for i in range(9) %}{{ range(99999)|list }}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{% set x %}{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}{% endset %}",
        "{% filter upper %}{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}{% endfilter %}",
        "{% autoescape true %}{% for i in range(99999) %}{{ '\"' * 1000 }}{% endfor %}{% endautoescape %}",
        "{% macro f(n) %}{{ 'x' * 1000 }}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(99) }}",
        "{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}{% call f() %}{% call f() %}{% call f() %}{{ 'x' * 1000000 }}{% endcall %}{% endcall %}{% endcall %}",
        "{% for i in range(99999) %}{{ cycler('x' * 1000).next() }}{% endfor %}",
    ]
    .map(str::to_owned)
    .to_vec();
    let text = "text ".repeat(2000);
    sources.push(format!("{{% for i in range(99999) %}}{text}{{% endfor %}}"));
    sources.push(format!("{{% set x %}}{{% for i in range(99999) %}}{text}{{% endfor %}}{{% endset %}}"));
    for step in [
        "{% set ns.x = ns.x ~ ns.x %}",
        "{% set ns.x = ns.x + ns.x %}",
        "{% set ns.x = ns.x * 2 %}",
        "{% set ns.x = [ns.x, ns.x]|join %}",
        "{% set ns.x = '%s%s' % (ns.x, ns.x) %}",
        "{% set ns.x = '{0}{0}'.format(ns.x) %}",
        "{% set ns.x = ns.x.replace('a', ns.x) %}",
        "{% set ns.x = ns.x|replace('b', ns.x) %}",
        "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}",
        "{% set ns.l = ns.l + ns.l %}",
        "{% set ns.l = ns.l * 2 %}",
        "{% set ns.l = [ns.l, ns.l]|sum(start=[]) %}",
        "{% set ns.l = [ns.l, ns.l] %}",
        "{% set ns.l = [ns.l]|list + [ns.l] %}",
        "{% set ns.l = {'a': ns.l, 'b': ns.l} %}",
        "{% set ns.d = dict(a=ns.d, b=ns.d) %}",
        "{% set ns.l = ns.l|map('list')|list + ns.l if false else [ns.l, ns.l, ns.l] %}",
    ] {
        sources.push(doubled(step));
    }
    sources
}

fn render(source: &str, messages: usize) -> Result<String, TextError> {
    let messages = vec![json!({"role": "user", "content": "Hello"}); messages];
    ChatTemplate::new(source, "<s>", "</s>")?.render(&ChatContext::new(messages, LocalTime::EPOCH))
}

/// Renders on a stack as small as a wasm module's; returns the peak memory and the time.
fn measured(source: &str, messages: usize) -> (Result<String, TextError>, usize, Duration) {
    let owned = source.to_owned();
    let started = Instant::now();
    let (result, peak) = peak(|| {
        let thread =
            std::thread::Builder::new().stack_size(1 << 20).spawn(move || render(&owned, messages)).unwrap();
        thread.join().unwrap()
    });
    (result, peak, started.elapsed())
}

/// A single test, because allocations of parallel tests would be counted.
#[test]
fn malicious_templates_end_quickly_in_little_memory() {
    let mut sources: Vec<String> = grown();
    for expression in EXPANDING {
        let expression = expression.replace("LIST", LIST);
        sources
            .push(format!("{{% set a = 'a' * 200000 %}}{{% set x = {expression} %}}{{{{ {expression} }}}}"));
    }
    for expression in REPEATED {
        sources.push(format!(
            "{{% set a = 'a' * 200000 %}}{{% set b = 'a' * 200000 %}}{{% set l = [1] * 4000 %}}{{% set m = [1] * 4000 %}}\
             {{% for i in range(99999) %}}{{% set x = {expression} %}}{{% endfor %}}"
        ));
    }
    assert!(sources.len() > 200);
    let conversations = sources
        .iter()
        .map(|source| (source, 1))
        .chain(sources.iter().step_by(4).map(|source| (source, MANY)));
    let mut wrong = Vec::new();
    let mut most = (0, Duration::ZERO);
    for (source, messages) in conversations {
        let (result, peak, time) = measured(source, messages);
        most = (most.0.max(peak), most.1.max(time));
        let short: String = source.chars().rev().take(160).collect::<Vec<_>>().into_iter().rev().collect();
        match result {
            Err(TextError::Template { reason, .. }) if reason.len() < 4096 => {}
            Err(TextError::RefusedByTemplate { message }) if message.len() < 4096 => {}
            Err(error) => wrong.push(format!("a long error of {} bytes: {short}", error.to_string().len())),
            // The budget of many messages suffices for some.
            Ok(_) if messages > 1 => {}
            Ok(text) => wrong.push(format!("gave {} bytes: {short}", text.len())),
        }
        if peak > CONSTANT + PER_BYTE * source.len() + PER_MESSAGE * messages {
            wrong.push(format!("took {} kB: {short}", peak >> 10));
        }
        if time > TIME {
            wrong.push(format!("took {time:?}: {short}"));
        }
    }
    println!("{} templates, at most {} kB and {:?}", sources.len(), most.0 >> 10, most.1);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
