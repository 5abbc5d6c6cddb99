//! What a service manager is told: systemd's notification protocol (sd_notify(3)), a datagram for
//! each piece of news on the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use std::{env, io, process};

use tokio::task::JoinHandle;

/// Where the manager listens.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// Tells the service manager, if there is one that wants to know.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    alive: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Whether there is a service manager that wants to know.
    #[must_use]
    pub fn is_there() -> bool {
        env::var_os(SOCKET_VARIABLE).is_some()
    }

    /// Finds the service manager by the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let socket = env::var_os(SOCKET_VARIABLE).and_then(|name| {
            let socket = connect(&name);
            if let Err(error) = &socket {
                tracing::warn!(%error, "the service manager cannot be told anything");
            }
            socket.ok()
        });
        Self { socket, alive: None }
    }

    /// Rooms are served from now on. Where the manager watches, it is told from here on that the
    /// server lives, by a task, so that it also learns when tasks get no turn any more.
    pub fn ready(&mut self) {
        self.tell("READY=1\nSTATUS=rooms are served");
        let watched = watch_period(
            env::var("WATCHDOG_USEC").ok().as_deref(),
            env::var("WATCHDOG_PID").ok().as_deref(),
        );
        let socket = self.socket.as_ref().and_then(|socket| socket.try_clone().ok());
        if let (Some(period), Some(socket)) = (watched, socket) {
            self.alive = Some(tokio::spawn(async move {
                // Twice as often as it must be.
                let mut ticks = tokio::time::interval(period / 2);
                loop {
                    ticks.tick().await;
                    let _ = socket.send(b"WATCHDOG=1");
                }
            }));
        }
    }

    /// The server is going away.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=going away: what was said is stored and answered");
    }

    fn tell(&self, news: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(news.as_bytes())
        {
            tracing::warn!(%error, news, "the service manager could not be told");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(alive) = &self.alive {
            alive.abort();
        }
    }
}

/// Connects to a socket by its path or, with an `@` in front, by its abstract name. Nothing is
/// waited for when the manager does not read.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address(name)?)?;
    Ok(socket)
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        _ => SocketAddr::from_pathname(name),
    }
}

/// How often the manager wants to hear that the server lives, if it wants that of this process.
fn watch_period(microseconds: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(process::id()));
    let microseconds = microseconds?.parse().ok().filter(|microseconds| *microseconds > 1)?;
    is_ours.then_some(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_for_one_process() {
        let own = process::id().to_string();
        let period = Some(Duration::from_secs(1));
        assert_eq!(watch_period(Some("1000000"), None), period);
        assert_eq!(watch_period(Some("1000000"), Some(&own)), period);
        assert_eq!(watch_period(Some("1000000"), Some("1")), None);
        assert_eq!(watch_period(Some("many"), None), None);
        assert_eq!(watch_period(Some("0"), None), None);
        assert_eq!(watch_period(None, None), None);
    }

    #[test]
    fn an_abstract_socket_is_found_too() {
        let name = format!("@xmeet-test-{}", process::id());
        let manager = UnixDatagram::bind_addr(&address(OsStr::new(&name)).unwrap()).unwrap();
        let supervisor = Supervisor { socket: connect(OsStr::new(&name)).ok(), alive: None };
        supervisor.stopping();
        let mut news = [0; 128];
        let length = manager.recv(&mut news).unwrap();
        assert!(news[..length].starts_with(b"STOPPING=1\nSTATUS="));
    }
}
