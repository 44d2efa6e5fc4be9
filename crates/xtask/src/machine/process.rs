//! Runs other programs: shows the command, measures its time, and names it in errors.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// Runs it with the inherited streams; an error names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let line = display(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Replaces this process by the other program, so that a signal ends both.
#[cfg(unix)]
pub fn replace(command: &mut Command) -> Result<()> {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(error).with_context(|| format!("could not start `{}`", display(command)))
}

/// Waits for the other program to end: Windows cannot replace a process.
#[cfg(not(unix))]
pub fn replace(command: &mut Command) -> Result<()> {
    run(command)
}

/// Runs it silently and returns its standard output; an error has its standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let line = display(command);
    let output = command.output().with_context(|| format!("could not start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path of a program on `PATH`.
pub fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.exists())
}

/// Whether it starts and succeeds; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// The output of a program, both streams interleaved, and whether it succeeded.
pub struct Transcript {
    /// Lines of both streams.
    pub text: String,
    /// Exit status 0.
    pub success: bool,
}

/// Runs it and both shows and returns its output.
pub fn transcript(command: &mut Command) -> Result<Transcript> {
    let line = display(command);
    eprintln!("$ {line}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("could not start `{line}`"))?;
    let text = Mutex::new(String::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| stdout.map(|stream| copy_lines(stream, &text)));
        scope.spawn(|| stderr.map(|stream| copy_lines(stream, &text)));
    });
    let status = child.wait()?;
    if !status.success() {
        println!("`{line}` ended with {status}");
    }
    let success = status.success();
    Ok(Transcript { text: text.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()), success })
}

fn copy_lines(stream: impl Read, text: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let shown = String::from_utf8_lossy(&line);
        // The receiver is gone, but the program must not block on a full pipe.
        let _ = std::io::stdout().write_all(shown.as_bytes());
        text.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push_str(&shown);
        line.clear();
    }
}

/// For programs that use a GPU without a desktop: without a display, Mesa's device selection layer would print a
/// warning for each device.
pub fn without_display(command: &mut Command) {
    command.env("NODEVICE_SELECT", "1");
}

/// For programs that run many kernels for a short time. lavapipe spends most of the time on compiling them, above all
/// those with barriers: with vectors of 8 and without optimization, attention takes half of the time, and products take
/// the same.
pub fn without_optimized_kernels(command: &mut Command) {
    command.env("LP_NATIVE_VECTOR_WIDTH", "256").env("GALLIVM_PERF", "nopt");
}

/// The command line as it would be typed.
pub fn display(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// `12.3 s` or `4 min 05 s`.
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}
