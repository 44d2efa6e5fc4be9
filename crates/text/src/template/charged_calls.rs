//! Wraps every filter, test and function of templates: the wrapper charges before the call for what it will
//! read, and afterwards for the result. Filters that call others by name (`map`, `select`) call the wrapped
//! ones.

use minijinja::functions::Function;
use minijinja::value::{FunctionArgs, FunctionResult, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, filters, tests};

use super::filters::{additions, builtins, html, iterators, json};
use super::values::arguments::Arguments;
use super::values::spelling::str_of;
use super::values::work::{SLOT, TEXT, Work, invalid, is_container, pay_after};
use super::values::{absent, escape};
use super::{methods, operators, rewrite};

/// Cost in bytes of a lazily computed item.
const COMPUTED: u64 = 16;
/// Cost of parsing an argument that names attributes, per byte: a slot in a list for each.
const LOOKUP: u64 = SLOT;

/// How much of its arguments a call reads.
#[derive(Clone, Copy)]
enum Touch {
    /// Whole strings, and as much of containers as minijinja charges for.
    Light,
    /// Every item; each character of a string is one.
    Items,
    /// The first argument as text; the result is a text of the same size.
    Text,
    /// Every item, except those of a false value: `none` has no items here.
    Each,
    /// Items that are compared with one another, including everything inside them.
    Order,
}

/// Everything that templates may call, replacing minijinja's own.
pub(super) fn install(environment: &mut Environment<'static>) {
    let mut calls = ChargedCalls(environment);
    // Not in jinja2.
    for name in ["bool", "chain", "lines", "split", "zip"] {
        calls.0.remove_filter(name);
    }
    for name in ["startingwith", "endingwith"] {
        calls.0.remove_test(name);
    }
    calls.0.remove_global("debug");

    calls.0.add_filter(rewrite::METHOD, methods::attribute);
    calls.0.add_filter(rewrite::INDEXED, operators::indexed);
    calls.0.add_filter(rewrite::SLICED, operators::sliced);
    calls.0.add_filter(rewrite::KEY, operators::key);
    calls.0.add_filter(rewrite::SOME, operators::some);
    calls.0.add_filter(rewrite::ADD, operators::add_all);
    calls.0.add_filter(rewrite::ITERATED, operators::iterated);
    calls.0.add_filter(rewrite::MULTIPLY, operators::multiply);
    calls.0.add_filter(rewrite::REMAINDER, operators::remainder);
    calls.0.add_filter(rewrite::CONCATENATE, operators::concatenate);
    calls.0.add_filter(rewrite::COMPARE_CHAIN, operators::compare_chain);
    calls.0.add_filter(rewrite::COMPARE, |state: &State, left: &Value, operator: &str, right: &Value| {
        operators::compare(state, left, operator, right)
    });

    calls.text();
    calls.values();
    calls.lists();
    calls.tests();

    calls.0.add_function("dict", builtins::dict);
    calls.0.add_function("namespace", builtins::namespace);
    calls.0.add_function("cycler", iterators::cycler);
    calls.0.add_function("joiner", iterators::joiner);
    calls.0.add_function("raise_exception", super::raise_exception);
}

struct ChargedCalls<'a>(&'a mut Environment<'static>);

impl ChargedCalls<'_> {
    fn filter<F, Rv, Args>(&mut self, name: &'static str, touch: Touch, inner: F)
    where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        let inner = Value::from_function(inner);
        self.0.add_filter(name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
            enter(state, touch, &inner, args.into_values())
        });
    }

    /// A minijinja filter that only takes keyword arguments, where jinja2 also takes positional ones.
    fn named<F, Rv, Args>(
        &mut self,
        name: &'static str,
        touch: Touch,
        names: &'static [&'static str],
        inner: F,
    ) where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        let inner = Value::from_function(inner);
        self.0.add_filter(name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
            enter(state, touch, &inner, Arguments::by_name(&args.into_values(), names)?)
        });
    }

    fn test<F, Rv, Args>(&mut self, name: &'static str, inner: F)
    where
        F: Function<Rv, Args>,
        Rv: FunctionResult,
        Args: for<'a> FunctionArgs<'a>,
    {
        let inner = Value::from_function(inner);
        self.0.add_test(name, move |state: &mut State, args: Rest<ValueOrKwargs>| {
            enter(state, Touch::Light, &inner, args.into_values()).map(|value| value.is_true())
        });
    }

    /// String filters.
    fn text(&mut self) {
        self.filter("capitalize", Touch::Text, filters::capitalize);
        self.filter("center", Touch::Text, additions::center);
        self.filter("e", Touch::Text, escape::escape);
        self.filter("escape", Touch::Text, escape::escape);
        self.filter("forceescape", Touch::Text, escape::force_escape);
        self.filter("format", Touch::Text, additions::format);
        self.filter("indent", Touch::Text, additions::indent);
        self.filter("lower", Touch::Text, filters::lower);
        self.filter("replace", Touch::Text, additions::replace);
        self.filter("safe", Touch::Text, filters::safe);
        self.filter("string", Touch::Text, |text: &Value| text.clone());
        self.filter("striptags", Touch::Text, html::strip_tags);
        self.filter("title", Touch::Text, additions::title);
        self.filter("trim", Touch::Text, additions::trim);
        self.filter("truncate", Touch::Text, additions::truncate);
        self.filter("upper", Touch::Text, filters::upper);
        self.filter("urlize", Touch::Text, html::urlize);
        self.filter("wordcount", Touch::Text, additions::word_count);
        self.filter("wordwrap", Touch::Text, additions::word_wrap);
    }

    /// Filters of numbers, or of values of several types.
    fn values(&mut self) {
        self.filter("abs", Touch::Light, filters::abs);
        self.filter("attr", Touch::Light, builtins::attr);
        self.filter("d", Touch::Light, builtins::default);
        self.filter("default", Touch::Light, builtins::default);
        self.filter("filesizeformat", Touch::Light, additions::file_size_format);
        self.filter("float", Touch::Light, builtins::float);
        self.filter("int", Touch::Light, builtins::int);
        self.filter("pprint", Touch::Light, additions::pretty);
        self.filter("round", Touch::Light, builtins::round);
        self.filter("tojson", Touch::Light, json::tojson);
        self.filter("urlencode", Touch::Light, html::url_encode);
        self.filter("xmlattr", Touch::Light, html::xml_attributes);
    }

    /// Filters of lists and maps.
    fn lists(&mut self) {
        self.filter("batch", Touch::Items, additions::batch);
        self.filter("count", Touch::Light, builtins::length);
        self.named("dictsort", Touch::Order, &["case_sensitive", "by", "reverse"], filters::dictsort);
        self.filter("first", Touch::Light, filters::first);
        self.named("groupby", Touch::Order, &["attribute", "default", "case_sensitive"], filters::groupby);
        self.filter("items", Touch::Light, builtins::items);
        self.filter("join", Touch::Light, additions::join);
        self.filter("last", Touch::Light, filters::last);
        self.filter("length", Touch::Light, builtins::length);
        self.filter("list", Touch::Items, filters::list);
        self.filter("map", Touch::Each, filters::map);
        self.named("max", Touch::Order, &["case_sensitive", "attribute"], filters::max);
        self.named("min", Touch::Order, &["case_sensitive", "attribute"], filters::min);
        self.filter("random", Touch::Light, additions::random);
        self.filter("reject", Touch::Each, filters::reject);
        self.filter("rejectattr", Touch::Each, filters::rejectattr);
        self.filter("reverse", Touch::Items, filters::reverse);
        self.filter("select", Touch::Each, filters::select);
        self.filter("selectattr", Touch::Each, filters::selectattr);
        self.filter("slice", Touch::Items, additions::slice);
        self.named("sort", Touch::Order, &["reverse", "case_sensitive", "attribute"], filters::sort);
        self.filter("sum", Touch::Items, additions::sum);
        self.named("unique", Touch::Order, &["case_sensitive", "attribute"], filters::unique);
    }

    fn tests(&mut self) {
        self.test("boolean", tests::is_boolean);
        self.test("callable", builtins::is_callable);
        self.test("defined", |value: &Value| !absent::is_undefined(value));
        self.test("divisibleby", builtins::is_divisible_by);
        self.test("escaped", |value: &Value| value.is_safe());
        self.test("even", |state: &mut State, value: &Value| {
            builtins::is_divisible_by(state, value, &2.into())
        });
        self.test("false", tests::is_false);
        self.test("float", tests::is_float);
        self.test("integer", tests::is_integer);
        self.test("iterable", builtins::is_iterable);
        self.test("lower", builtins::is_lower);
        self.test("mapping", builtins::is_mapping);
        self.test("none", absent::is_none);
        self.test("number", builtins::is_number);
        self.test("odd", builtins::is_odd);
        self.test("sameas", tests::is_sameas);
        self.test("sequence", builtins::is_sequence);
        self.test("string", tests::is_string);
        self.test("true", tests::is_true);
        self.test("undefined", absent::is_undefined);
        self.test("upper", builtins::is_upper);
        for (names, sign) in [
            (&["==", "eq", "equalto"][..], "=="),
            (&["!=", "ne"], "!="),
            (&["<", "lt", "lessthan"], "<"),
            (&["<=", "le"], "<="),
            (&[">", "gt", "greaterthan"], ">"),
            (&[">=", "ge"], ">="),
            (&["in"], "in"),
        ] {
            for name in names {
                self.0.add_test(*name, move |state: &State, left: &Value, right: &Value| {
                    operators::compare(state, left, sign, right)
                });
            }
        }
    }
}

/// Charges, calls, and charges for the result.
fn enter(state: &mut State, touch: Touch, inner: &Value, mut args: Vec<Value>) -> Result<Value, Error> {
    if let (Touch::Text, Some(first)) = (touch, args.first_mut()) {
        *first = str_of(state, first)?;
    }
    if matches!(touch, Touch::Each) && args.first().is_some_and(|subject| !subject.is_true()) {
        return Ok(Value::from(Vec::<Value>::new()));
    }
    pay_before(state, touch, &args)?;
    let result = inner.call(state, &args)?;
    pay_after(state, &result)?;
    Ok(result)
}

fn pay_before(state: &State, touch: Touch, args: &[Value]) -> Result<(), Error> {
    let Some((subject, others)) = args.split_first() else { return Ok(()) };
    let many = matches!(touch, Touch::Items | Touch::Each | Touch::Order);
    if many && subject.is_none() {
        return Err(invalid("none is not iterable"));
    }
    let order = matches!(touch, Touch::Order);
    let length = subject.len();
    let mut work = Work::new(state);
    for arg in others {
        // Comparing items reads a default as well.
        if order { work.all_of(arg)? } else { work.argument(arg)? }
    }
    if many {
        // An attribute is looked up in every item; `sort` makes a list of its parts.
        work.spend((work.spent() / TEXT).saturating_mul(LOOKUP + length.unwrap_or(0) as u64))?;
    }
    // A call copies its arguments.
    work.spend((others.len() as u64).saturating_mul(SLOT))?;
    let bytes = subject.as_str().map_or(0, |text| text.len() as u64);
    work.spend(if many { bytes.saturating_mul(SLOT) } else { bytes })?;
    // Lazy values may be computed to their end.
    for lazy in args.iter().filter(|arg| arg.kind() == ValueKind::Iterable) {
        lazy.try_iter()?.try_for_each(|_| work.spend(COMPUTED))?;
    }
    if order && is_container(subject) {
        let before = work.spent();
        work.all_of(subject)?;
        // Sorting compares each item with about log2(n) others.
        let depth = u64::from(length.unwrap_or(1 << 20).max(1).ilog2()) + 1;
        work.spend((work.spent() - before).saturating_mul(depth))?;
    }
    work.done(state)
}
