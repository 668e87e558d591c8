//! From the calls that every tutorial on sockets teaches to what does their job here.
//!
//! A tutorial's server is a loop of calls that wait, one thread for each client. Here nothing waits: what a call would
//! have returned comes to the [`Handler`](crate::Handler), and what is to be done is asked of the [`Net`](crate::Net).
//!
//! One rule has no call: one port has one owner. A second `listen` on it fails with `AddrInUse`; TCP and UDP have ports
//! of their own, and may share a number.
//!
//! # Families and types
//!
//! **`AF_INET`, `AF_INET6`**: the host in an address; `*` is both on one socket.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.listen("tcp://127.0.0.1:7000")?;
//! net.listen("tcp://[::1]:7000")?;
//! net.listen("tcp://*:7000")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`AF_UNIX`**: `unix:` and `unixgram:`, a path or an abstract `@NAME`.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.listen("unix:/run/hullo.sock")?;
//! net.bind("unixgram:@hullo")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`SOCK_STREAM`**: `tcp://`, `unix:`: a [`ConnId`](crate::ConnId) for each connection.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.connect("tcp://127.0.0.1:7000")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`SOCK_DGRAM`**: `udp://`, `unixgram:`: a [`DatagramId`](crate::DatagramId) for each socket.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.bind("udp://127.0.0.1:7000")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`SOCK_SEQPACKET`**: `unixpacket:`: a [`ConnId`](crate::ConnId) as well; each send is a record, and `data` gets one at a time.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.listen("unixpacket:/run/hullo.sock")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`SOCK_RAW`**: not ours: [`watch`](crate::Net::watch) the descriptor, and receive on it when it is ready.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! # fn raw_socket() -> std::os::fd::OwnedFd { std::io::stdin().as_fd().try_clone_to_owned().unwrap() }
//! # use std::os::fd::AsFd;
//! let socket: std::os::fd::OwnedFd = raw_socket();
//! let fd = net.watch(socket)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Opening
//!
//! **`bind` and `listen`**: [`listen`](crate::Net::listen); the backlog is in [`Limits`](crate::Limits).
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let listener = net.listen("tcp://127.0.0.1:0")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`bind` (datagrams)**: [`bind`](crate::Net::bind).
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let socket = net.bind("udp://127.0.0.1:0")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`accept`**: done for you: [`opened`](crate::Handler::opened) with its [`Origin`](crate::Origin).
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! struct Server;
//! impl Handler for Server {
//!     fn opened(&mut self, net: &mut Net, conn: ConnId, origin: Origin) {
//!         net.send(conn, b"Welcome!");
//!     }
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {}
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **`connect`**: [`connect`](crate::Net::connect), by address or name; for datagrams [`connect_datagrams`](crate::Net::connect_datagrams).
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let conn = net.connect("tcp://localhost:7000")?;
//! let socket = net.connect_datagrams("udp://127.0.0.1:7000")?;
//! # Ok(())
//! # }
//! ```
//!
//! **`connect_ex`**: [`connect_failed`](crate::Handler::connect_failed): the kind of the error, and each address that failed.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! struct Client;
//! impl Handler for Client {
//!     fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {
//!         eprintln!("{error} ({:?})", error.kind());
//!     }
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {}
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **`ssl.wrap_socket`, `SSL_accept`, `SSL_connect`**: `tls://` with `listen_tls` and `connect_tls` of feature `tls`.
//!
//! ```
//! # #[cfg(feature = "tls")]
//! # fn example(net: &mut hullo::Net) -> Result<(), Box<dyn std::error::Error>> {
//! # use hullo::*;
//! let server = TlsServer::new(TlsIdentity::from_files("chain.pem", "key.pem")?);
//! net.listen_tls("tls://127.0.0.1:7443", &SocketOptions::default(), &server)?;
//! let client = TlsClient::new(&Roots::from_file("chain.pem")?)?;
//! net.connect_tls("tls://localhost:7443", &client)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Talking
//!
//! **`recv`**: [`data`](crate::Handler::data): what one read returned.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! struct Reader;
//! impl Handler for Reader {
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
//!         println!("{} bytes", bytes.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **`recv` that returns nothing**: [`peer_eof`](crate::Handler::peer_eof): it is the end, once.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! struct Counter(u64);
//! impl Handler for Counter {
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
//!         self.0 += bytes.len() as u64;
//!     }
//!     fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
//!         net.send(conn, self.0.to_string().as_bytes());
//!         net.close(conn); // once that is flushed
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **`send`, `sendall`**: [`send`](crate::Net::send): all of it, in order, without waiting; it returns how much waits.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let waiting = net.send(conn, b"Hello, Michael!").waiting();
//! # Ok(())
//! # }
//! ```
//!
//! **`recvfrom`**: [`datagram`](crate::Handler::datagram), with its sender.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! struct Listener;
//! impl Handler for Listener {
//!     fn datagram(&mut self, net: &mut Net, socket: DatagramId, datagram: &Datagram<'_>) {
//!         println!("{} bytes from {}", datagram.bytes.len(), datagram.from);
//!     }
//!     fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {}
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **`sendto`**: [`reply`](crate::Net::reply) and [`send_to`](crate::Net::send_to); for an answer that comes later
//! [`send_back`](crate::Net::send_back), which leaves from the address that was asked.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let peer: std::net::SocketAddr = "127.0.0.1:7000".parse().unwrap();
//! net.send_to(socket, &peer.into(), b"Hello");
//! # Ok(())
//! # }
//! ```
//!
//! **`makefile`**: [`frames`](crate::frames): lines, delimiters, lengths.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let mut lines = hullo::frames::Frames::lines(4096);
//! let mut bytes: &[u8] = b"one\ntwo\n";
//! while let Ok(Some(line)) = lines.next(&mut bytes) {
//!     net.send(conn, &line);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Ending
//!
//! **`close`**: [`close`](crate::Net::close) loses nothing, [`abort`](crate::Net::abort) resets.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.close(conn);
//! # Ok(())
//! # }
//! ```
//!
//! **`shutdown(SHUT_WR)`**: [`shutdown_write`](crate::Net::shutdown_write).
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.shutdown_write(conn);
//! # Ok(())
//! # }
//! ```
//!
//! **`close` on a listener**: [`close_listener`](crate::Net::close_listener): its clients stay, as everywhere since BSD.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.close_listener(listener);
//! # Ok(())
//! # }
//! ```
//!
//! # Asking and setting
//!
//! **`getpeername`**: [`peer_addr`](crate::Net::peer_addr).
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! println!("{}", net.peer_addr(conn)?);
//! # Ok(())
//! # }
//! ```
//!
//! **`getsockname`**: [`local_addr`](crate::Net::local_addr), with the real port.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! println!("{}", net.local_addr(listener)?);
//! # Ok(())
//! # }
//! ```
//!
//! **`setsockopt`, `getsockopt`**: [`controls`](crate::Net::controls).
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.controls(conn)?.set_keepalive(Some(std::time::Duration::from_secs(60)))?;
//! let bytes = net.controls(socket)?.receive_buffer()?;
//! # Ok(())
//! # }
//! ```
//!
//! **`settimeout`, `gettimeout`**: [`Limits`](crate::Limits) for idle, stalled and connecting peers; [`set_timer`](crate::Net::set_timer) for everything else.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! net.set_timer(std::time::Duration::from_secs(5), conn.to_bits());
//! let idle = net.limits().idle;
//! # Ok(())
//! # }
//! ```
//!
//! **`setblocking`**: never: nothing here waits, and what is taken over with [`adopt`](crate::Net::adopt) is made non-blocking.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let stream = std::net::TcpStream::connect("127.0.0.1:7000")?;
//! net.adopt(stream)?;
//! # Ok(())
//! # }
//! ```
//!
//! **`fileno`**: [`descriptor`](crate::Net::descriptor), for options that `controls` lacks.
//!
//! ```
//! # use hullo::*;
//! # fn example(net: &mut Net, conn: ConnId, listener: ListenerId, socket: DatagramId) -> std::io::Result<()> {
//! let fd = net.descriptor(conn);
//! # Ok(())
//! # }
//! ```
