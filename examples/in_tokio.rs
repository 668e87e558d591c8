//! cargo run --release --example in_tokio, then type a line into: nc 127.0.0.1 7007
//!
//! A reactor as one task of a tokio program, on the same thread as all others. The reactor's descriptor is readable
//! when there is something to do, its timers included, and tokio waits for that.
#![cfg_attr(mio_unsupported_force_poll_poll, allow(unused))]

use hullo::{ConnId, Handler, Net, Reactor, Remote};
use std::any::Any;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Turns whenever there is something to do, until the task is dropped.
#[cfg(not(mio_unsupported_force_poll_poll))]
async fn host<H: Handler>(reactor: Reactor, handler: &mut H) -> io::Result<()> {
    // What takes its place is unsafe, since a type may lie about its descriptor. A reactor keeps the one it has.
    #[allow(deprecated)]
    let mut fd = AsyncFd::with_interest(reactor, Interest::READABLE)?;
    loop {
        let reactor = fd.get_mut();
        reactor.turn(handler, Some(Duration::ZERO))?;
        if reactor.next_deadline().is_some_and(|next| next <= Instant::now()) {
            // Work is left that no event will announce. The other tasks come first.
            tokio::task::yield_now().await;
            continue;
        }
        // Cleared before the turn, not after it: what comes during the turn is told again.
        fd.readable().await?.clear_ready();
    }
}

struct Echo;

struct Seconds(u64);

impl Handler for Echo {
    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        net.send(conn, bytes);
    }

    fn message(&mut self, net: &mut Net, message: Box<dyn Any + Send>) {
        let Some(Seconds(seconds)) = message.downcast_ref() else { return };
        let clients: Vec<ConnId> = net.connections().collect();
        for conn in clients {
            net.send(conn, format!("* tokio is up for {seconds} s\n").as_bytes());
        }
    }
}

/// A task of tokio's that has something to say: it comes in as from another thread.
async fn count_seconds(remote: Remote) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    for count in 0.. {
        seconds.tick().await;
        // When the queue is full this second goes unsaid.
        let _ = remote.message(Box::new(Seconds(count)));
    }
}

#[cfg(mio_unsupported_force_poll_poll)]
fn main() {
    eprintln!("mio's poll(2) selector has no descriptor that a host could wait for");
}

#[cfg(not(mio_unsupported_force_poll_poll))]
fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:7007".to_owned());
    let mut reactor = Reactor::new()?;
    let listener = reactor.listen(address.as_str())?;
    println!("echo, inside tokio, on {}", reactor.local_addr(listener)?);

    let tokio = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    tokio.block_on(async {
        tokio::spawn(count_seconds(reactor.net().remote()));
        host(reactor, &mut Echo).await
    })
}
