//! Runs other programs: prints the command, passes the output on, and fails with one sentence.

use std::borrow::Cow;
use std::env;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Prints a line about the progress.
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// Returns a command without the variables that `cargo run` sets for xtask. With them, cargo and some
/// build scripts would compile everything again.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    const CARGO_VARIABLES: [&str; 5] = [
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
    ];
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if CARGO_VARIABLES.contains(&text.as_ref()) || text.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command with xtask's own input and output.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    echo(command);
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    check(command, status)
}

/// Runs a command as [`run`] does, and kills it after `limit`: it may wait for an unreachable network.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    echo(command);
    let started = Instant::now();
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    loop {
        if let Some(status) = child.try_wait().context("waiting for a program failed")? {
            return check(command, status);
        }
        if started.elapsed() > limit {
            // Both calls fail only if the process has already ended.
            let _ = child.kill();
            let _ = child.wait();
            bail!("`{}` did not finish within {} s", shell_line(command), limit.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command as [`run`] does, and also returns its standard output.
pub(crate) fn run_and_read(command: &mut Command) -> Result<String> {
    echo(command);
    command.stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let mut output = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        let mut pipe = BufReader::new(pipe);
        let mut screen = std::io::stdout();
        loop {
            let line_start = output.len();
            if pipe.read_until(b'\n', &mut output).context("reading a program's output failed")?
                == 0
            {
                break;
            }
            // A closed standard output must not stop a test run.
            let _ = screen.write_all(&output[line_start..]);
        }
    }
    let status = child.wait().context("waiting for a program failed")?;
    check(command, status)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// Returns the standard output of a command, or `None` if it is missing or fails. For queries.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Replaces xtask by the program, which then receives signals and sets the exit code.
#[cfg(unix)]
pub(crate) fn become_program(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(cannot_start(command, &error))
}

/// Runs the program and returns its exit code, on systems where one program cannot replace another.
#[cfg(not(unix))]
pub(crate) fn become_program(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// Returns the path of a program on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(&file)).find(|candidate| candidate.is_file())
}

/// Prints a command.
fn echo(command: &Command) {
    eprintln!("xtask: $ {}", shell_line(command));
}

/// Returns an error if a command has failed.
fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` failed ({status}); its output above has the reason", shell_line(command))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> anyhow::Error {
    let program = command.get_program().display();
    if error.kind() == ErrorKind::NotFound {
        anyhow::anyhow!("the program `{program}` is not installed, or not on PATH")
    } else {
        anyhow::anyhow!("the program `{program}` cannot be started: {error}")
    }
}

/// Returns the command as a line for a shell.
fn shell_line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> =
        words.map(|word| quoted(&word.to_string_lossy()).into_owned()).collect();
    words.join(" ")
}

/// Returns a word in quotes if a shell would change it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./=:@+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{word}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_of_a_missing_program_is_one_sentence() {
        let error = run(&mut command("xmeet-no-such-program")).unwrap_err().to_string();
        assert_eq!(error, "the program `xmeet-no-such-program` is not installed, or not on PATH");
    }

    #[test]
    fn error_of_a_failing_program_has_its_arguments() {
        let mut failing = command("sh");
        failing.args(["-c", "exit 3"]);
        let error = run(&mut failing).unwrap_err().to_string();
        assert!(error.starts_with("`sh -c 'exit 3'` failed (exit status: 3)"), "{error}");
    }

    #[test]
    fn program_is_stopped_at_the_time_limit() {
        let mut hanging = command("sleep");
        hanging.arg("30");
        let error = run_within(&mut hanging, Duration::from_millis(100)).unwrap_err().to_string();
        assert!(error.contains("did not finish within"), "{error}");
    }
}
