//! The include step: WGSL has no modules, so sources name what they need.
//!
//! | directive | effect |
//! |---|---|
//! | `#include name` | the text of `shared/name.wgsl`, once per module |
//! | `#include name as up` | the same, with `up` for the buffer `weights` |
//! | `#include format` | the reader of the kernel's block format |
//! | `#include second_format as up` | the reader of the second matrix's format, whose scales begin elsewhere |
//! | `#requires a, b` | the module must declare or include `a` and `b`, before this line or after it |
//! | `#if flag` or `#if !flag`, `#else`, `#end` | the lines between stay if the flag is set (or is not) |

mod error;
mod includes;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

pub use self::error::ComposeError;
use self::error::Problem;

/// A file of WGSL with directives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// Path in the folder `shaders`.
    pub path: &'static str,
    pub text: &'static str,
}

/// The parameters of a module.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Flags that are set.
    pub flags: &'a [&'a str],
    /// Name of the include that reads the kernel's block format.
    pub format: Option<&'static str>,
    /// Name of the include that reads the format of the kernel's second matrix.
    pub second: Option<&'static str>,
}

/// Appends `source` to `module`, with its directives resolved.
///
/// # Errors
/// [`ComposeError`] if a directive or an include is unknown, or the module lacks what an include requires.
pub(crate) fn compose(module: &mut String, source: Source, context: Context<'_>) -> Result<(), ComposeError> {
    let mut composer = Composer::new(context);
    composer.append(source, None)?;
    module.push_str(&composer.text);
    composer.check(module)
}

/// A line of a source.
#[derive(Clone, Copy)]
struct Place {
    file: &'static str,
    line: usize,
}

impl Place {
    fn error(self, problem: Problem) -> ComposeError {
        ComposeError { file: self.file, line: self.line, problem }
    }
}

/// A name that an include needs from its module.
struct Requirement {
    name: String,
    /// The file that requires it.
    by: &'static str,
    /// The line that includes that file.
    included_at: Place,
}

/// A module in the making, or a part of it with a renamed buffer.
struct Composer<'a> {
    context: Context<'a>,
    text: String,
    included: Vec<&'static str>,
    /// The includes of the parts with renamed buffers.
    included_renamed: Vec<&'static str>,
    requirements: Vec<Requirement>,
}

impl<'a> Composer<'a> {
    fn new(context: Context<'a>) -> Self {
        let (included, included_renamed, requirements) = (Vec::new(), Vec::new(), Vec::new());
        Composer { context, text: String::new(), included, included_renamed, requirements }
    }

    /// Appends a source that is included at a line of another.
    fn append(&mut self, source: Source, included_at: Option<Place>) -> Result<(), ComposeError> {
        // Whether to keep the lines of the innermost condition, and of those around it.
        let mut kept = Vec::new();
        let mut end = Place { file: source.path, line: 0 };
        for (line, text) in (1..).zip(source.text.lines()) {
            let place = Place { file: source.path, line };
            end = place;
            let words: Vec<&'static str> = text.split_whitespace().collect();
            match words.as_slice() {
                ["#if", flag] => {
                    let is_set = self.context.flags.contains(&flag.trim_start_matches('!'));
                    kept.push(is_set != flag.starts_with('!'));
                }
                ["#else"] => {
                    let keep = kept.last_mut().ok_or_else(|| place.error(Problem::NoCondition))?;
                    *keep = !*keep;
                }
                ["#end"] => {
                    kept.pop().ok_or_else(|| place.error(Problem::NoCondition))?;
                }
                _ if kept.contains(&false) => {}
                ["#include", "format"] => self.append_format(self.context.format, place)?,
                ["#include", "second_format", "as", buffer] => {
                    let mut part = Composer::new(self.context);
                    part.append_format(self.context.second, place)?;
                    let scales = format!("{}_SCALES", buffer.to_uppercase());
                    self.append_renamed(part, |text| {
                        text.replace("SCALES", &scales).replace("weights", buffer)
                    });
                }
                ["#include", name, "as", buffer] => {
                    let mut part = Composer::new(self.context);
                    match *name {
                        "format" => part.append_format(self.context.format, place)?,
                        name => part.include(name, place)?,
                    }
                    self.append_renamed(part, |text| text.replace("weights", buffer));
                }
                ["#include", name] => self.include(name, place)?,
                ["#requires", names @ ..] => {
                    let (by, included_at) = (source.path, included_at.unwrap_or(place));
                    let names = names.iter().map(|name| name.trim_end_matches(',').to_owned());
                    self.requirements.extend(names.map(|name| Requirement { name, by, included_at }));
                }
                [directive, ..] if directive.starts_with('#') => {
                    return Err(place.error(Problem::UnknownDirective(directive)));
                }
                _ => {
                    self.text.push_str(text);
                    self.text.push('\n');
                }
            }
        }
        if kept.is_empty() { Ok(()) } else { Err(end.error(Problem::OpenCondition)) }
    }

    /// Includes a shared source, unless it is there already.
    fn include(&mut self, name: &'static str, place: Place) -> Result<(), ComposeError> {
        if self.included.contains(&name) {
            return Ok(());
        }
        let source = includes::find(name).ok_or_else(|| place.error(Problem::UnknownInclude(name)))?;
        self.included.push(name);
        self.append(source, Some(place))
    }

    /// Includes the reader of a block format.
    fn append_format(&mut self, format: Option<&'static str>, place: Place) -> Result<(), ComposeError> {
        let format = format.ok_or_else(|| place.error(Problem::NoFormat))?;
        self.include("decode/words", place)?;
        self.include(format, place)
    }

    /// Appends a part in which `rename` changes the name of a buffer and of everything that reads it.
    fn append_renamed(&mut self, part: Composer<'a>, rename: impl Fn(&str) -> String) {
        self.text.push_str(&rename(&part.text));
        self.included_renamed.extend(part.included.into_iter().chain(part.included_renamed));
        let renamed = part.requirements.into_iter();
        self.requirements
            .extend(renamed.map(|required| Requirement { name: rename(&required.name), ..required }));
    }

    /// Fails if the module lacks what an include requires. WGSL lets a module use what it declares later, so the order
    /// does not count.
    fn check(self, module: &str) -> Result<(), ComposeError> {
        let present: HashSet<&str> =
            module.lines().filter_map(declared).chain(self.included).chain(self.included_renamed).collect();
        let missing =
            self.requirements.into_iter().find(|required| !present.contains(required.name.as_str()));
        let Some(Requirement { name, by, included_at }) = missing else { return Ok(()) };
        Err(included_at.error(Problem::UnmetRequirement { name, by }))
    }
}

/// The name that a line declares at module scope: other lines are indented.
fn declared(line: &str) -> Option<&str> {
    if line.starts_with(' ') {
        return None;
    }
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with('@'));
    let keyword = words.next()?;
    if keyword.starts_with("var<") && !keyword.ends_with('>') {
        words.find(|word| word.ends_with('>'))?;
    } else if !keyword.starts_with("var<")
        && !["fn", "const", "override", "struct", "alias"].contains(&keyword)
    {
        return None;
    }
    words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}
