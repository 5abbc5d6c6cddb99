//! Notifies a service manager by systemd's protocol (sd_notify(3)): one datagram per notification, to the
//! socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use std::{env, io, process};

use tokio::task::JoinHandle;

/// The environment variable with the address of the manager's socket.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// A connection to the service manager. Does nothing if there is none.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<UnixDatagram>,
    /// The task that notifies the watchdog.
    watchdog: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Returns whether a service manager expects notifications.
    #[must_use]
    pub fn is_present() -> bool {
        env::var_os(SOCKET_VARIABLE).is_some()
    }

    /// Connects to the service manager that the environment names, if any.
    #[must_use]
    pub fn from_environment() -> Self {
        let socket = env::var_os(SOCKET_VARIABLE).and_then(|name| {
            let socket = connect(&name);
            if let Err(error) = &socket {
                tracing::warn!(%error, "failed to connect to the service manager");
            }
            socket.ok()
        });
        Self { socket, watchdog: None }
    }

    /// Reports that clients are served. If the manager has a watchdog, also starts a task that notifies the
    /// watchdog regularly. So the watchdog notices when the runtime no longer runs tasks.
    pub fn ready(&mut self) {
        self.notify("READY=1\nSTATUS=rooms are served");
        let watched = watch_period(
            env::var("WATCHDOG_USEC").ok().as_deref(),
            env::var("WATCHDOG_PID").ok().as_deref(),
        );
        let socket = self.socket.as_ref().and_then(|socket| socket.try_clone().ok());
        if let (Some(period), Some(socket)) = (watched, socket) {
            self.watchdog = Some(tokio::spawn(async move {
                // sd_watchdog_enabled(3) recommends half of the interval.
                let mut ticks = tokio::time::interval(period / 2);
                loop {
                    ticks.tick().await;
                    let _ = socket.send(b"WATCHDOG=1");
                }
            }));
        }
    }

    /// Reports that the shutdown has begun.
    pub fn stopping(&self) {
        self.notify("STOPPING=1\nSTATUS=shutting down: received messages are stored and answered");
    }

    fn notify(&self, notification: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(notification.as_bytes())
        {
            tracing::warn!(%error, notification, "failed to notify the service manager");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.abort();
        }
    }
}

/// Connects to a socket by its path, or with a leading `@` by its abstract name. Sends never block, even
/// if the manager does not read.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address(name)?)?;
    Ok(socket)
}

/// Returns the address of a path, or of an abstract name with a leading `@`.
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

/// Returns the watchdog interval of this process; `None` without a watchdog.
fn watch_period(microseconds: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(process::id()));
    let microseconds = microseconds?.parse().ok().filter(|microseconds| *microseconds > 1)?;
    is_ours.then_some(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchdog_setting_of_another_process_is_ignored() {
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
    fn abstract_socket_receives_notifications() {
        let name = format!("@xmeet-test-{}", process::id());
        let manager = UnixDatagram::bind_addr(&address(OsStr::new(&name)).unwrap()).unwrap();
        let supervisor = Supervisor { socket: connect(OsStr::new(&name)).ok(), watchdog: None };
        supervisor.stopping();
        let mut notification = [0; 128];
        let length = manager.recv(&mut notification).unwrap();
        assert!(notification[..length].starts_with(b"STOPPING=1\nSTATUS="));
    }
}
