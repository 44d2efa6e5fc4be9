//! Hostile templates.

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

/// Operations on one long text that is full of separators: `TEXT` is 1 to 4 MB of the first value.
const LONG: [(&str, &str); 24] = [
    ("' '", "TEXT.split(sep=' ')"),
    ("'x'", "TEXT.split(sep='x')"),
    ("'x,'", "TEXT.rsplit(sep=',')"),
    ("'x\\x1c'", "TEXT.split()"),
    ("'\\n'", "TEXT.splitlines(keepends=true)"),
    ("'x '", "TEXT|striptags"),
    ("'x\\n'", "TEXT|striptags"),
    ("'\\n'", "TEXT|indent"),
    ("'\\n'", "TEXT|indent(width='')"),
    ("'x\\n'", "TEXT|indent(width=1, first=true, blank=true)"),
    ("'x '", "TEXT|wordwrap(width=1)"),
    ("'x '", "TEXT|wordwrap(10000000)"),
    ("'x '", "TEXT|urlize"),
    ("'a '", "''|urlize(rel=TEXT)"),
    ("'a'", "''|urlize(target=TEXT)"),
    ("'x,'", "[1]|sort(attribute=TEXT)"),
    ("'x.'", "[1]|groupby(attribute=TEXT)"),
    ("'x'", "''|trim(chars=TEXT)"),
    ("'x'", "'x'.strip(TEXT)"),
    ("'x'", "'x'.split(sep=TEXT)"),
    ("'x'", "'x'|replace(old=TEXT, new=TEXT)"),
    ("'x'", "[1]|tojson(indent=TEXT)"),
    ("'x'", "[TEXT]|tojson(sort_keys=true)"),
    ("'<'", "TEXT|escape"),
];

/// Operations that do more for each item of a list of 100,000 maps. `a` is a string of 400 kB, `l` a list of
/// 5,000 items.
const FOR_EACH_ITEM: [&str; 16] = [
    "LIST|map(attribute=a)|first",
    "LIST|selectattr(a)|first",
    "LIST|rejectattr(a)|first",
    "LIST|groupby(a)|first",
    "LIST|sort(attribute=a)|first",
    "LIST|unique(attribute=a)|first",
    "LIST|max(attribute=a)",
    "LIST|min(attribute=a)",
    "LIST|join('', a)|length",
    "LIST|sum(attribute=a)",
    "LIST|groupby('x', default=l)|first",
    "LIST|map('format', *l)|first",
    "LIST|map('replace', a, '')|first",
    "LIST|tojson(sort_keys=true)|length",
    "(a ~ 'b').startswith([a ~ 'c'] * 100000)",
    "(a ~ 'b').endswith(['c' ~ a] * 100000)",
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
        "{{ '%(é)s' % {'e': 1} }}",
        "{{ ('%(a)f' * 400000) % {'a': 1e300} }}",
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
        "{{ (range(99999)|list ~ '')|length }}{{ (range(99999)|list|pprint)|length }}{% for i in range(9) %}{{ \
         range(99999)|list }}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}",
        "{% set x %}{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}{% endset %}",
        "{% filter upper %}{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}{% endfilter %}",
        "{% autoescape true %}{% for i in range(99999) %}{{ '\"' * 1000 }}{% endfor %}{% endautoescape %}",
        "{% macro f(n) %}{{ 'x' * 1000 }}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(99) }}",
        "{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}{% call f() %}{% call f() %}{% call f() %}{{ 'x' * \
         1000000 }}{% endcall %}{% endcall %}{% endcall %}",
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

/// All of them.
pub fn templates() -> Vec<String> {
    let mut sources: Vec<String> = grown();
    for expression in EXPANDING {
        let expression = expression.replace("LIST", LIST);
        sources
            .push(format!("{{% set a = 'a' * 200000 %}}{{% set x = {expression} %}}{{{{ {expression} }}}}"));
    }
    for expression in REPEATED {
        sources.push(format!(
            "{{% set a = 'a' * 200000 %}}{{% set b = 'a' * 200000 %}}{{% set l = [1] * 4000 %}}{{% set m = [1] * 4000 \
             %}}\
             {{% for i in range(99999) %}}{{% set x = {expression} %}}{{% endfor %}}"
        ));
    }
    for (unit, expression) in LONG {
        let expression = expression.replace("TEXT", "text");
        for length in [1_000_000, 2_000_000, 3_000_000, 4_000_000] {
            sources.push(format!(
                "{{% set text = {unit} * ({length} // {unit}|length) %}}\
                 {{% for i in range(99999) %}}{{% set x = {expression} %}}{{% endfor %}}"
            ));
        }
    }
    for expression in FOR_EACH_ITEM {
        let expression = expression.replace("LIST", "([{'x': 1}] * 100000)");
        sources.push(format!(
            "{{% set a = 'a' * 400000 %}}{{% set l = [1] * 5000 %}}\
             {{% for i in range(99999) %}}{{% set x = {expression} %}}{{% endfor %}}"
        ));
    }
    sources
}
