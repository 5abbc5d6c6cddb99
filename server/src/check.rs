//! Whether the server can start with its settings, found out before anything is opened or bound.
//!
//! `xmeet check` prints the answer; `xmeet serve` starts by asking the same.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::clock::{Clock, unix_now};
use crate::config::network::ListenAddress;
use crate::config::{Config, Effective, Loaded};
use crate::history::sqlite::{self, Standing};
use crate::http::listener;
use crate::telemetry;
use crate::tls::{Certificate, Files, TlsError};

/// A setting that cannot work here.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
    /// Whether that may pass with nobody changing a setting, as when a disk is full.
    pub may_pass: bool,
}

impl Problem {
    fn new(key: &str, reason: impl Display) -> Self {
        Self { key: key.to_owned(), reason: reason.to_string(), may_pass: false }
    }

    fn passing(key: &str, reason: impl Display) -> Self {
        Self { may_pass: true, ..Self::new(key, reason) }
    }
}

/// What was found out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Everything that is wrong; nothing when the server can start.
    pub problems: Vec<Problem>,
    /// What does not keep the server from starting, and should be known.
    pub warnings: Vec<Problem>,
    /// Whether a server runs on the data folder.
    pub is_running: bool,
}

impl Findings {
    /// Whether what is wrong may pass with nobody changing a setting.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.problems.iter().all(|problem| problem.may_pass)
    }
}

const DATA_DIR: &str = "data-dir";
const LISTEN: &str = "listen";
const METRICS_LISTEN: &str = "metrics-listen";
const CERTIFICATE: &str = "tls-certificate";

/// How much is written to find out whether anything can be, in bytes: a full disk takes an empty
/// file.
const PROBE_BYTES: usize = 64 * 1024;

/// Finds out whether the server can start.
#[must_use]
pub fn examine(loaded: &Loaded) -> Findings {
    let config = &loaded.config;
    let mut found = Findings::default();
    let problems = &mut found.problems;
    let filter = telemetry::check_filter(&config.log.filter);
    problems.extend(filter.err().map(|error| Problem::new("log", error)));
    let clash = config.log.metrics_listen.filter(|metrics| match &config.network.listen {
        ListenAddress::Tcp(listen) => overlap(*listen, *metrics),
        ListenAddress::Unix(_) => false,
    });
    let words = "this is where rooms are served: metrics need another port";
    problems.extend(clash.map(|_| Problem::new(METRICS_LISTEN, words)));
    let clock = Clock::new(config.store.time_zone.as_deref());
    problems.extend(clock.err().map(|error| Problem::new("time-zone", error)));
    match writable(&config.store.data_dir) {
        Ok(()) => match sqlite::examine(&config.store.data_dir) {
            Ok(standing) => found.is_running = standing == Standing::InUse,
            Err(error) => problems.push(Problem {
                may_pass: error.may_pass(),
                ..Problem::new(DATA_DIR, format!("{:#}", anyhow::Error::from(error)))
            }),
        },
        Err(error) => problems.push(Problem::passing(DATA_DIR, error)),
    }
    match certificate(config) {
        Ok(certificate) => {
            let expired = certificate.filter(Certificate::is_expired);
            found.warnings.extend(expired.map(|certificate| {
                let until = certificate.valid_until();
                Problem::new(CERTIFICATE, format!("the certificate expired on {until}"))
            }));
        }
        Err(TlsError { setting, reason }) => problems.push(Problem::new(setting, reason)),
    }
    if let ListenAddress::Unix(path) = &config.network.listen {
        problems.extend(examine_socket(path, config.tls.certificate.is_some()));
    }
    found.warnings.extend(loaded.unknown_variables.iter().map(|variable| {
        Problem::new(
            variable,
            "there is no such setting: this variable of the environment is ignored",
        )
    }));
    found
}

/// Whether both cannot be listened on.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // The IPv6 address for all takes IPv4 in as well.
    let takes_in = |all: SocketAddr, single: SocketAddr| {
        all.ip().is_unspecified() && (all.is_ipv6() || single.is_ipv4())
    };
    let is_same = one.ip() == other.ip() || takes_in(one, other) || takes_in(other, one);
    one.port() != 0 && one.port() == other.port() && is_same
}

fn examine_socket(path: &Path, has_certificate: bool) -> Vec<Problem> {
    let mut found = Vec::new();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        // A service manager makes it, or whatever else will be there later.
        let reason = format!("there is no folder {} for the socket", folder.display());
        found.push(Problem::passing(LISTEN, reason));
    }
    if has_certificate {
        let reason = format!("{} is a Unix socket: TLS is for TCP", path.display());
        found.push(Problem::new(CERTIFICATE, reason));
    }
    found
}

/// Finds out what a start would by itself: whether somebody else has what it needs. Where that is a
/// server with this very folder, nothing is wrong.
pub fn try_out(config: &Config, found: &mut Findings) {
    if found.is_running {
        let words = "an xmeet runs on this folder: as long as it does, no other can";
        found.warnings.push(Problem::passing(DATA_DIR, words));
    }
    let metrics = config.log.metrics_listen.map(ListenAddress::Tcp);
    let places = [(LISTEN, Some(&config.network.listen)), (METRICS_LISTEN, metrics.as_ref())];
    for (key, place) in places {
        match place.map_or(Ok(()), can_listen) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse && found.is_running => {
                let words = "somebody listens there: unless that is the server that runs, no start will work";
                found.warnings.push(Problem::passing(key, words));
            }
            Err(error) => found.problems.push(Problem::passing(key, error)),
        }
    }
}

fn can_listen(place: &ListenAddress) -> io::Result<()> {
    match place {
        ListenAddress::Tcp(address) => TcpListener::bind(address).map(drop),
        ListenAddress::Unix(path) => listener::find_stale(path).map(drop),
    }
}

fn certificate(config: &Config) -> Result<Option<Certificate>, TlsError> {
    Files::of(&config.tls)?.map(|files| files.read()).transpose()
}

/// Says what is wrong, a line each: the key, the reason, and where the value comes from.
///
/// # Errors
/// When `out` cannot be written to.
pub fn report(problems: &[Problem], loaded: &Loaded, out: impl Write) -> io::Result<()> {
    say("error", problems, loaded, out)
}

/// Says what should be known, in the same form.
///
/// # Errors
/// When `out` cannot be written to.
pub fn warn(warnings: &[Problem], loaded: &Loaded, out: impl Write) -> io::Result<()> {
    say("warning", warnings, loaded, out)
}

fn say(level: &str, said: &[Problem], loaded: &Loaded, mut out: impl Write) -> io::Result<()> {
    for Problem { key, reason, .. } in said {
        let source = loaded.effective.iter().find(|effective| effective.key == *key);
        let source = source.map_or("environment", |effective| effective.source.as_str());
        writeln!(out, "xmeet: {level}: {key}: {reason} (from: {source})")?;
    }
    Ok(())
}

/// Prints the settings as they count, in the form of a settings file.
///
/// # Errors
/// When `out` cannot be written to.
pub fn print(loaded: &Loaded, mut out: impl Write) -> io::Result<()> {
    for Effective { key, values, is_list, source } in &loaded.effective {
        match values.as_slice() {
            [] => writeln!(out, "# {key} is not set")?,
            [value] if *is_list && value.is_empty() => writeln!(out, "{key} = [] # {source}")?,
            [value] => writeln!(out, "{key} = {} # {source}", literal(value))?,
            values => {
                let items: Vec<_> = values.iter().map(|value| literal(value)).collect();
                writeln!(out, "{key} = [{}] # {source}", items.join(", "))?;
            }
        }
    }
    Ok(())
}

/// A value as TOML has it.
fn literal(value: &str) -> String {
    // A number that is written otherwise than TOML does, as the mode 0660, is a text.
    let is_number = value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
    let is_plain = value == "true" || value == "false" || is_number;
    if is_plain { value.to_owned() } else { toml::Value::from(value).to_string() }
}

/// Tries to make a file in the folder or, where it is still to be made, in the nearest one above.
fn writable(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let existing = folder.ancestors().find(|above| above.exists()).unwrap_or(&folder);
    let blame = |error: io::Error| {
        io::Error::new(error.kind(), format!("{} is not writable: {error}", existing.display()))
    };
    if !existing.is_dir() {
        return Err(io::Error::other(format!("{} is not a folder", existing.display())));
    }
    // Another name each time: in a container all have the same number, and one that was killed here
    // left its file.
    let name = format!(".xmeet-check-{}-{}", std::process::id(), unix_now());
    let probe = existing.join(name);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&probe).map_err(blame)?;
    let written = file.write_all(&[0; PROBE_BYTES]).and_then(|()| file.sync_all());
    fs::remove_file(&probe).and(written).map_err(blame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn two_that_cannot_both_be_listened_on_are_told() {
        for (one, other, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "[::]:1", true),
            ("[::1]:1", "[::]:1", true),
            ("0.0.0.0:1", "[::1]:1", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("127.0.0.1:1", "127.0.0.1:2", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let [first, second] = [one, other].map(|text| text.parse().unwrap());
            assert_eq!(overlap(first, second), expected, "{one} {other}");
            assert_eq!(overlap(second, first), expected, "{other} {one}");
        }
    }

    fn loaded(arguments: &[&str]) -> Loaded {
        config::load(["xmeet", "check"].iter().chain(arguments).map(Into::into)).unwrap()
    }

    #[test]
    fn what_is_printed_can_be_a_settings_file() {
        let first = loaded(&[
            "--allow-origin=https://a,https://b",
            "--data-dir=a \"b\" \\ c",
            "--history-messages=5",
            "--socket-mode=0660",
            "--frame-ancestors=self,https://a",
        ]);
        holds_as_a_file(&first);
        let printed = holds_as_a_file(&loaded(&["--allow-origin=", "--trusted-proxies="]));
        for key in ["allow-origin", "trusted-proxies"] {
            assert!(printed.contains(&format!("\n{key} = [] # command line\n")), "{printed}");
        }
    }

    /// Prints settings and reads them again as a file.
    fn holds_as_a_file(first: &Loaded) -> String {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xmeet.toml");
        let mut printed = Vec::new();
        print(first, &mut printed).unwrap();
        fs::write(&path, &printed).unwrap();
        let again = loaded(&["--config", path.to_str().unwrap()]);
        let values = |loaded: &Loaded| -> Vec<_> {
            loaded.effective.iter().map(|e| (e.key.clone(), e.values.clone())).collect()
        };
        assert_eq!(values(&again), values(first));
        String::from_utf8(printed).unwrap()
    }

    #[test]
    fn each_wrong_setting_is_named_with_where_it_comes_from() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let below = file.join("data");
        let arguments = [
            "--log",
            "==",
            "--time-zone",
            "Atlantis/Capital",
            "--metrics-listen",
            "127.0.0.1:8080",
            "--data-dir",
            below.to_str().unwrap(),
        ];
        let loaded = loaded(&arguments);
        let found = examine(&loaded);
        assert!(!found.may_pass());
        let problems = found.problems;
        let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["log", "metrics-listen", "time-zone", "data-dir"]);
        let mut said = Vec::new();
        report(&problems, &loaded, &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("data-dir: ") && said.contains("is not a folder"), "{said}");
        assert_eq!(said.matches("(from: command line)").count(), 4, "{said}");
    }
}
