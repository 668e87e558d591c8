//! cargo run --release --example remote, then type a number into: nc 127.0.0.1 7005
//!
//! What takes long is not done on the loop: a worker thread counts the primes up to the number, and its answer comes
//! back through a `Remote`. The others are served meanwhile.

use hullo::frames::{Frames, Lines};
use hullo::{Closed, ConnId, ConnMap, Handler, Net, Origin, Reactor, Remote, RemoteError, TimerId};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

/// What may wait for the worker. The loop never does: whoever asks more is told to come again.
const MOST_WAITING: usize = 128;

enum Job {
    Primes(ConnId, u32),
    /// The client asks nothing more: close, behind its last answer.
    Close(ConnId),
}

struct Desk {
    worker: SyncSender<Job>,
    clients: ConnMap<Frames<Lines>>,
}

impl Handler for Desk {
    fn opened(&mut self, _net: &mut Net, conn: ConnId, _origin: Origin) {
        self.clients.insert(conn, Frames::lines(80));
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, mut bytes: &[u8]) {
        let Some(lines) = self.clients.get_mut(conn) else { return };
        while let Some(line) = lines.next(&mut bytes).transpose() {
            let text = line.as_deref().ok().and_then(|line| str::from_utf8(line).ok());
            match text.and_then(|text| text.trim().parse().ok()) {
                Some(limit @ 0..=10_000_000) => match self.worker.try_send(Job::Primes(conn, limit)) {
                    Ok(()) => {}
                    Err(_) => drop(net.send(conn, b"too many questions: ask again later\n")),
                },
                _ => drop(net.send(conn, b"that is no number up to 10000000\n")),
            }
            if line.is_err() {
                net.close(conn);
                return;
            }
        }
    }

    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        if let Err(TrySendError::Full(_)) = self.worker.try_send(Job::Close(conn)) {
            net.set_timer(Duration::from_millis(10), conn.to_bits());
        }
    }

    fn timeout(&mut self, net: &mut Net, _timer: TimerId, key: u64) {
        self.peer_eof(net, ConnId::from_bits(key));
    }

    fn closed(&mut self, _net: &mut Net, conn: ConnId, _closed: Closed) {
        self.clients.remove(conn);
    }
}

/// The worker. A client may have left meanwhile: what is sent to its id then reaches nobody.
fn work(jobs: Receiver<Job>, remote: Remote) -> Result<(), RemoteError<()>> {
    for job in jobs {
        match job {
            Job::Primes(conn, limit) => {
                let answer = format!("{} primes up to {limit}\n", primes(limit));
                hand_over(answer.into_bytes(), |answer| remote.send(conn, answer))?;
            }
            Job::Close(conn) => hand_over((), |()| remote.close(conn))?,
        }
    }
    Ok(())
}

/// A full queue hands back what it was given. A thread of ours may wait and try again, as the loop may not.
fn hand_over<T>(mut it: T, to: impl Fn(T) -> Result<(), RemoteError<T>>) -> Result<(), RemoteError<()>> {
    loop {
        match to(it) {
            Ok(()) => return Ok(()),
            Err(RemoteError::Full(back)) => it = back,
            Err(RemoteError::Gone(_)) => return Err(RemoteError::Gone(())),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn primes(limit: u32) -> usize {
    let mut is_prime = vec![true; limit as usize + 1];
    for n in 2..is_prime.len().isqrt() + 1 {
        if is_prime[n] {
            is_prime.iter_mut().skip(n * n).step_by(n).for_each(|multiple| *multiple = false);
        }
    }
    is_prime.iter().skip(2).filter(|is_prime| **is_prime).count()
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:7005".to_owned());
    let mut reactor = Reactor::new()?;
    let listener = reactor.listen(address.as_str())?;
    println!("primes on {}", reactor.local_addr(listener)?);
    let (worker, jobs) = sync_channel(MOST_WAITING);
    let remote = reactor.net().remote();
    thread::spawn(move || work(jobs, remote));
    reactor.run(&mut Desk { worker, clients: ConnMap::new() })?;
    Ok(())
}
