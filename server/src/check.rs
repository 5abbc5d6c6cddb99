//! Whether the server can start with its settings, found out before anything is opened or bound.
//!
//! `xmeet check` prints the answer; `xmeet serve` starts by asking the same.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tracing_subscriber::EnvFilter;

use crate::clock::Clock;
use crate::config::network::ListenAddress;
use crate::config::{Config, Effective, Loaded};
use crate::tls::{Certificate, Files, TlsError};

/// A setting that cannot work here.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name.
    pub key: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// What was found out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Everything that is wrong; nothing when the server can start.
    pub problems: Vec<Problem>,
    /// What does not keep the server from starting, and should be known.
    pub warnings: Vec<Problem>,
}

/// The setting that can be wrong for a while, as on a full disk.
const DATA_DIR: &str = "data-dir";

impl Findings {
    /// Whether what is wrong may pass with nobody changing a setting.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.problems.iter().all(|problem| problem.key == DATA_DIR)
    }
}

/// Finds out whether the server can start.
#[must_use]
pub fn examine(config: &Config) -> Findings {
    let Findings { problems: mut found, mut warnings } = Findings::default();
    let mut check = |key, outcome: Result<(), String>| {
        found.extend(outcome.err().map(|reason| Problem { key, reason }));
    };
    let filter = EnvFilter::try_new(&config.log.filter);
    check("log", filter.map(drop).map_err(|error| error.to_string()));
    let clash = config.log.metrics_listen.filter(|metrics| {
        metrics.port() != 0 && config.network.listen == ListenAddress::Tcp(*metrics)
    });
    let words = "this is where rooms are served: metrics need another port";
    check("metrics-listen", clash.map_or(Ok(()), |_| Err(words.to_owned())));
    let clock = Clock::new(config.store.time_zone.as_deref());
    check("time-zone", clock.map(drop).map_err(|error| error.to_string()));
    check(DATA_DIR, writable(&config.store.data_dir).map_err(|error| error.to_string()));
    match certificate(config) {
        Ok(certificate) => {
            let expired = certificate.filter(Certificate::is_expired);
            warnings.extend(expired.map(|certificate| Problem {
                key: "tls-certificate",
                reason: format!("the certificate expired on {}", certificate.valid_until()),
            }));
        }
        Err(TlsError { setting, reason }) => found.push(Problem { key: setting, reason }),
    }
    if let (ListenAddress::Unix(path), true) =
        (&config.network.listen, config.tls.certificate.is_some())
    {
        let reason = format!("{} is a Unix socket: TLS is for TCP", path.display());
        found.push(Problem { key: "tls-certificate", reason });
    }
    Findings { problems: found, warnings }
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
    for Problem { key, reason } in said {
        let source = loaded.effective.iter().find(|effective| effective.key == *key);
        let source = source.map_or("default", |effective| effective.source.as_str());
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
    let probe = existing.join(format!(".xmeet-check-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&probe).map_err(blame)?;
    fs::remove_file(&probe).map_err(blame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

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
        let found = examine(&loaded.config);
        assert!(!found.may_pass());
        let problems = found.problems;
        let keys: Vec<_> = problems.iter().map(|problem| problem.key).collect();
        assert_eq!(keys, ["log", "metrics-listen", "time-zone", "data-dir"]);
        let mut said = Vec::new();
        report(&problems, &loaded, &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("data-dir: ") && said.contains("is not a folder"), "{said}");
        assert_eq!(said.matches("(from: command line)").count(), 4, "{said}");
    }
}
