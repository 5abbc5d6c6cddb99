//! Listeners: a TCP port, or a Unix socket for a proxy on the same machine.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr as UnixSocketAddr, UnixStream as BlockingUnixStream};
use std::path::{Path, PathBuf};

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream};

use crate::config::network::{ListenAddress, SocketMode};
use crate::limits::network::Peer;

/// Connections that wait in the system until they are accepted.
const BACKLOG_CONNECTIONS: u32 = 4096;

/// Unsent bytes of a connection that the system buffers. By default the system buffers megabytes. Then the
/// server cannot see what a client on a slow line has received, and a ping waits behind all these bytes.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 64 * 1024;

/// A listening port or socket.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    /// A Unix socket and its file.
    Unix(UnixListener, SocketFile),
}

/// An accepted connection.
#[derive(Debug)]
pub(super) enum Incoming {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The file of a Unix socket. Dropping it removes the file, unless another socket has replaced it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Listener {
    /// Listens with a long backlog: after a restart all members reconnect at once, and a client that finds
    /// the backlog full tries again only after a second.
    ///
    /// # Errors
    /// If the address is in use or cannot be bound.
    pub fn bind(address: &ListenAddress, mode: SocketMode) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => bind_tcp(*address),
            ListenAddress::Unix(path) => bind_unix(path, mode),
        }
    }

    /// Waits for the next connection.
    pub(super) async fn accept(&self) -> io::Result<(Incoming, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Frames are written whole, so Nagle's algorithm would only delay them.
                let _ = stream.set_nodelay(true);
                limit_unsent(&stream);
                Ok((Incoming::Tcp(stream), Peer::Tcp(address.ip())))
            }
            Self::Unix(listener, _) => Ok((Incoming::Unix(listener.accept().await?.0), Peer::Unix)),
        }
    }

    /// Returns the address for a browser or a proxy.
    #[must_use]
    pub fn url(&self, is_tls: bool, prefix: &str) -> String {
        let scheme = if is_tls { "https" } else { "http" };
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("{scheme}://{address}{prefix}/"),
                Err(error) => error.to_string(),
            },
            Self::Unix(_, file) => format!("unix:{}", file.path.display()),
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Incoming {
    /// Waits until the client has sent its first bytes or closed the stream. The bytes stay in the socket.
    /// This peeks, because the runtime reports a new socket as readable until a read has failed once.
    pub(super) async fn readable(&self) {
        // The next read returns the error again.
        let _ = match self {
            Self::Tcp(stream) => {
                let peek = || SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
                stream.async_io(Interest::READABLE, peek).await
            }
            Self::Unix(stream) => {
                let peek = || SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]);
                stream.async_io(Interest::READABLE, peek).await
            }
        };
    }
}

/// Bounds the unsent bytes that the system buffers, if the system supports that.
fn limit_unsent(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The port can be bound again right after a server has ended.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG_CONNECTIONS).map(Listener::Tcp)
}

fn bind_unix(path: &Path, SocketMode(mode): SocketMode) -> io::Result<Listener> {
    remove_stale_socket(path)?;
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let file = SocketFile { path: path.to_owned(), inode: fs::symlink_metadata(path)?.ino() };
    // Set before `listen`, so that no client connects with other permissions.
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(Listener::Unix(socket.listen(BACKLOG_CONNECTIONS)?, file))
}

/// Removes the socket file of a server that was killed. Does not remove other files, or a socket with a
/// listener.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    if find_stale(path)? { fs::remove_file(path) } else { Ok(()) }
}

/// Returns whether the path is a socket without a listener.
///
/// # Errors
/// If another file is there, or the path cannot be a socket.
pub(crate) fn find_stale(path: &Path) -> io::Result<bool> {
    // A path can be too long for a socket.
    UnixSocketAddr::from_pathname(path)?;
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "the file at this path is not a socket",
        ));
    }
    match BlockingUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(true),
        Ok(_) => Err(io::Error::new(ErrorKind::AddrInUse, "another server listens on this socket")),
        Err(error) => Err(error),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_own = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if is_own {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    fn bind(path: &Path) -> io::Result<Listener> {
        Listener::bind(&ListenAddress::Unix(path.to_owned()), SocketMode(0o600))
    }

    #[tokio::test]
    async fn stale_socket_file_is_replaced_and_one_in_use_is_kept() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("xmeet.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a listener of the standard library leaves its file");
        let first = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert!(BlockingUnixStream::connect(&path).is_ok(), "the first listener still accepts");
        drop(first);
        assert!(!path.exists());

        fs::write(&path, "precious").unwrap();
        assert_eq!(bind(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn dropped_listener_removes_only_its_own_socket_file() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("xmeet.sock");
        let first = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let second = std::os::unix::net::UnixListener::bind(&path).unwrap();
        // The system may give the second file the inode of the removed one.
        let has_same_inode = fs::metadata(&path).unwrap().ino() == inode(&first);
        drop(first);
        assert_eq!(path.exists(), !has_same_inode);
        drop(second);
    }

    const TEST_TIMEOUT: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn first_bytes_are_awaited_and_left_in_the_socket() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("xmeet.sock");
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(tcp.local_addr().unwrap()).await.unwrap();
        check_readable(tcp.into(), client).await;
        let unix = bind(&path).unwrap();
        let client = UnixStream::connect(&path).await.unwrap();
        check_readable(unix, client).await;
    }

    /// Checks that `readable` waits for bytes, leaves them in the socket, and notices the end.
    async fn check_readable(listener: Listener, mut client: impl AsyncWrite + Unpin) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let silence = timeout(Duration::from_millis(200), stream.readable()).await;
        assert!(silence.is_err(), "no bytes were sent yet");
        client.write_all(b"x").await.unwrap();
        timeout(TEST_TIMEOUT, stream.readable()).await.expect("a byte was sent");
        let byte = match &mut stream {
            Incoming::Tcp(stream) => stream.read_u8().await,
            Incoming::Unix(stream) => stream.read_u8().await,
        };
        assert_eq!(byte.unwrap(), b'x', "the byte is still in the socket");
        drop(client);
        timeout(TEST_TIMEOUT, stream.readable()).await.expect("the stream has ended");
    }

    fn inode(listener: &Listener) -> u64 {
        match listener {
            Listener::Unix(_, file) => file.inode,
            Listener::Tcp(_) => 0,
        }
    }
}
