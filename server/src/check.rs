//! Checks whether the server can start with its settings, before it opens or binds anything.
//!
//! `xmeet check` prints the result; `xmeet serve` runs the same check first.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::clock::{Clock, unix_now};
use crate::config::network::ListenAddress;
use crate::config::store::StoreSettings;
use crate::config::{Action, Config, Effective, Loaded};
use crate::history::sqlite::{self, Depth, FolderState};
use crate::http::listener;
use crate::telemetry;
use crate::tls::{Certificate, Files, TlsError};

/// A setting that is valid but cannot work on this machine.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub key: String,
    /// The reason, for people.
    pub reason: String,
    /// Whether the problem may go away without a change of the settings, for example a full disk.
    pub is_transient: bool,
}

impl Problem {
    fn new(key: &str, reason: impl Display) -> Self {
        Self { key: key.to_owned(), reason: reason.to_string(), is_transient: false }
    }

    fn transient(key: &str, reason: impl Display) -> Self {
        Self { is_transient: true, ..Self::new(key, reason) }
    }
}

/// The result of a check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The problems that prevent a start.
    pub problems: Vec<Problem>,
    /// Problems that do not prevent a start.
    pub warnings: Vec<Problem>,
    /// Whether a server already runs on the data directory.
    pub is_running: bool,
    /// How large the store may become on this file system, in bytes; `None` if that is unknown.
    pub store_bytes_possible: Option<u64>,
}

impl Findings {
    /// Returns whether every problem may go away without a change of the settings.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.problems.iter().all(|problem| problem.is_transient)
    }
}

const DATA_DIR: &str = "data-dir";
const LISTEN: &str = "listen";
const STORE_BYTES_MAX: &str = "store-bytes-max";
const METRICS_LISTEN: &str = "metrics-listen";
const CERTIFICATE: &str = "tls-certificate";

/// Size of the file that tests whether the data directory is writable, in bytes. A full disk would
/// still accept an empty file.
const PROBE_BYTES: usize = 64 * 1024;

/// Checks the settings and the data directory. Opens and binds nothing.
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
    let words = "rooms are served at this address: metrics need another port";
    problems.extend(clash.map(|_| Problem::new(METRICS_LISTEN, words)));
    let clock = Clock::new(config.store.time_zone.as_deref());
    problems.extend(clock.err().map(|error| Problem::new("time-zone", error)));
    let is_check = config.action == Action::Check;
    let depth = if is_check { Depth::Thorough } else { Depth::Start };
    match writable(&config.store.data_dir) {
        Ok(()) => match sqlite::examine(&config.store.data_dir, depth) {
            Ok(state) => found.is_running = state == FolderState::InUse,
            Err(error) => problems.push(Problem {
                is_transient: error.is_transient(),
                ..Problem::new(DATA_DIR, format!("{:#}", anyhow::Error::from(error)))
            }),
        },
        Err(problem) => problems.push(problem),
    }
    let StoreSettings { data_dir, store_bytes_max, .. } = &config.store;
    found.store_bytes_possible = sqlite::possible_bytes(data_dir, *store_bytes_max).ok();
    found.warnings.extend(examine_store_size(found.store_bytes_possible, *store_bytes_max));
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
        Problem::new(variable, "there is no such setting, so this environment variable is ignored")
    }));
    found
}

/// Warns if the file system has less free space than the store's limit.
fn examine_store_size(possible: Option<u64>, bytes_max: u64) -> Option<Problem> {
    let possible = possible.filter(|possible| *possible < bytes_max)?;
    let reason = format!(
        "the file system has room for {possible} bytes only, because a tenth of it stays free"
    );
    Some(Problem::transient(STORE_BYTES_MAX, reason))
}

/// Returns whether a program cannot listen on both addresses.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // A listener on the IPv6 wildcard address also accepts IPv4.
    let includes = |all: SocketAddr, single: SocketAddr| {
        all.ip().is_unspecified() && (all.is_ipv6() || single.is_ipv4())
    };
    let is_same = one.ip() == other.ip() || includes(one, other) || includes(other, one);
    one.port() != 0 && one.port() == other.port() && is_same
}

/// Checks the path of a Unix socket.
fn examine_socket(path: &Path, has_certificate: bool) -> Vec<Problem> {
    let mut found = Vec::new();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        // A service manager may create the folder later.
        let reason = format!("there is no folder {} for the socket", folder.display());
        found.push(Problem::transient(LISTEN, reason));
    }
    if has_certificate {
        let reason = format!("{} is a Unix socket: TLS is for TCP", path.display());
        found.push(Problem::new(CERTIFICATE, reason));
    }
    found
}

/// Checks whether the listen addresses are free. If a server already runs on the data directory, an
/// address in use is only a warning.
pub fn probe(config: &Config, found: &mut Findings) {
    if found.is_running {
        let words = "a server is already running on this data directory, so another cannot start";
        found.warnings.push(Problem::transient(DATA_DIR, words));
    }
    let metrics = config.log.metrics_listen.map(ListenAddress::Tcp);
    let addresses = [(LISTEN, Some(&config.network.listen)), (METRICS_LISTEN, metrics.as_ref())];
    for (key, address) in addresses {
        match address.map_or(Ok(()), can_listen) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AddrInUse && found.is_running => {
                let words =
                    "the address is in use: unless the running server uses it, a start will fail";
                found.warnings.push(Problem::transient(key, words));
            }
            Err(error) => found.problems.push(Problem::transient(key, error)),
        }
    }
}

/// Tries to bind an address, and releases it again.
fn can_listen(address: &ListenAddress) -> io::Result<()> {
    match address {
        ListenAddress::Tcp(tcp) => TcpListener::bind(tcp).map(drop),
        ListenAddress::Unix(path) => listener::find_stale(path).map(drop),
    }
}

/// Reads the configured certificate, if there is one.
fn certificate(config: &Config) -> Result<Option<Certificate>, TlsError> {
    Files::of(&config.tls)?.map(|files| files.read()).transpose()
}

/// Prints one line per problem: the key, the reason, and the source of the value.
///
/// # Errors
/// If writing to `out` fails.
pub fn report(problems: &[Problem], loaded: &Loaded, out: impl Write) -> io::Result<()> {
    print_problems("error", problems, loaded, out)
}

/// Prints warnings in the same format.
///
/// # Errors
/// If writing to `out` fails.
pub fn warn(warnings: &[Problem], loaded: &Loaded, out: impl Write) -> io::Result<()> {
    print_problems("warning", warnings, loaded, out)
}

/// Prints a line per problem, with a level.
fn print_problems(
    level: &str,
    problems: &[Problem],
    loaded: &Loaded,
    mut out: impl Write,
) -> io::Result<()> {
    for Problem { key, reason, .. } in problems {
        let source = loaded.effective.iter().find(|effective| effective.key == *key);
        let source = source.map_or("environment", |effective| effective.source.as_str());
        writeln!(out, "xmeet: {level}: {key}: {reason} (from: {source})")?;
    }
    Ok(())
}

/// Prints the effective settings in the format of a settings file, and the maximum size of the store.
///
/// # Errors
/// If writing to `out` fails.
pub fn print(loaded: &Loaded, found: &Findings, mut out: impl Write) -> io::Result<()> {
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
    match found.store_bytes_possible {
        Some(bytes) => writeln!(out, "# the store may have {bytes} bytes here"),
        None => writeln!(out, "# the file system does not say how many bytes the store may have"),
    }
}

/// Formats a value as TOML.
fn literal(value: &str) -> String {
    // A number in a form that TOML does not have, such as the mode 0660, becomes a string.
    let is_number = value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
    let is_plain = value == "true" || value == "false" || is_number;
    if is_plain { value.to_owned() } else { toml::Value::from(value).to_string() }
}

/// Creates a temporary file in the data directory. If the directory does not exist yet, uses its nearest
/// existing parent.
fn writable(folder: &Path) -> Result<(), Problem> {
    let problem = |error: io::Error| Problem::transient(DATA_DIR, error);
    let folder = std::path::absolute(folder).map_err(problem)?;
    let exists = |above: &&Path| above.symlink_metadata().is_ok();
    let existing = folder.ancestors().find(exists).unwrap_or(&folder);
    match existing.metadata() {
        Ok(found) if found.is_dir() => {}
        Ok(_) => {
            return Err(Problem::new(DATA_DIR, format!("{} is not a folder", existing.display())));
        }
        // The link may lead to a disk that is not mounted yet.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let link = existing.display();
            let reason = format!("{link} is a link to a folder that does not exist");
            return Err(Problem::transient(DATA_DIR, reason));
        }
        Err(error) => return Err(problem(error)),
    }
    try_to_write(existing).map_err(|error| {
        Problem::transient(DATA_DIR, format!("{} is not writable: {error}", existing.display()))
    })
}

/// Writes a file of [`PROBE_BYTES`], and removes it.
fn try_to_write(folder: &Path) -> io::Result<()> {
    // The process id alone is not unique: in a container every process has the same id, and a check that was
    // killed leaves its file.
    let name = format!(".xmeet-check-{}-{}", std::process::id(), unix_now());
    let probe = folder.join(name);
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&probe)?;
    let written = file.write_all(&[0; PROBE_BYTES]).and_then(|()| file.sync_all());
    fs::remove_file(&probe).and(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn two_conflicting_listen_addresses_are_reported() {
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
    fn printed_settings_load_as_a_settings_file() {
        let first = loaded(&[
            "--allow-origin=https://a,https://b",
            "--data-dir=a \"b\" \\ c",
            "--history-messages=5",
            "--socket-mode=0660",
            "--frame-ancestors=self,https://a",
        ]);
        assert_loads_as_a_file(&first);
        let printed = assert_loads_as_a_file(&loaded(&["--allow-origin=", "--trusted-proxies="]));
        for key in ["allow-origin", "trusted-proxies"] {
            assert!(printed.contains(&format!("\n{key} = [] # command line\n")), "{printed}");
        }
    }

    /// Prints settings, and loads them again as a file.
    fn assert_loads_as_a_file(first: &Loaded) -> String {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("xmeet.toml");
        let mut printed = Vec::new();
        print(first, &Findings::default(), &mut printed).unwrap();
        fs::write(&path, &printed).unwrap();
        let again = loaded(&["--config", path.to_str().unwrap()]);
        let values = |loaded: &Loaded| -> Vec<_> {
            loaded.effective.iter().map(|e| (e.key.clone(), e.values.clone())).collect()
        };
        assert_eq!(values(&again), values(first));
        String::from_utf8(printed).unwrap()
    }

    #[test]
    fn invalid_settings_are_reported_with_their_sources() {
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
        assert!(!found.is_transient());
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
