//! The events of the network and of the timers, each handed to the fetcher.

use super::fetcher::{Fetcher, GivenUp};
use super::job::NO_TIMER;
use crate::client::{is_out_of_descriptors, remedy, remedy_of};
use hullo::{CloseReason, Closed, ConnId, ConnectError, FdId, Handler, Net, Origin, Readiness, TimerId};
use std::time::Duration;

impl Handler for Fetcher<'_> {
    fn opened(&mut self, net: &mut Net, conn: ConnId, _origin: Origin) {
        let Some(&number) = self.conns.get(conn) else { return };
        let job = &mut self.jobs[number];
        net.send(conn, job.request(&self.fields).as_bytes());
        job.progressed = net.now();
        if !self.timeout.is_zero() {
            job.timer = net.set_timer(self.timeout, number as u64);
        }
    }

    fn connect_failed(&mut self, net: &mut Net, conn: ConnId, error: &ConnectError) {
        let Some(number) = self.conns.remove(conn) else { return };
        let is_out_of_descriptors = error.failures().any(|(_, error)| is_out_of_descriptors(error));
        if !is_out_of_descriptors || !self.requeue(net, number) {
            self.fail(net, number, &format!("{error}; {}", remedy(error)));
        }
    }

    fn data(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) {
        if let Some(&number) = self.conns.get(conn) {
            self.jobs[number].progressed = net.now();
            if !self.jobs[number].is_answered {
                self.answered(number);
                self.start(net);
            }
            self.process(net, conn, bytes);
        }
    }

    fn peer_eof(&mut self, net: &mut Net, conn: ConnId) {
        if let Some(&number) = self.conns.get(conn) {
            let finished = self.jobs[number].response.finish();
            self.finished(net, number, finished);
        }
    }

    fn closed(&mut self, net: &mut Net, conn: ConnId, closed: Closed) {
        let Some(number) = self.conns.remove(conn) else { return };
        if closed.reason == CloseReason::TlsTruncated {
            let finished = self.jobs[number].response.finish_unannounced();
            return self.finished(net, number, finished);
        }
        let received = self.jobs[number].received;
        let sentence = match (closed.reason, &closed.error) {
            (CloseReason::TlsAlert, Some(error)) => format!("{closed} ({error}); {}", remedy_of(error)),
            (CloseReason::Reset, _) => format!("the connection was reset after {received} bytes of the body"),
            _ => format!("the connection was lost after {received} bytes of the body: {closed}"),
        };
        self.fail(net, number, &sentence);
    }

    /// Each connection has one timer, which is not set anew with each read. When it fires, it looks how long ago the last read was.
    fn timeout(&mut self, net: &mut Net, timer: TimerId, key: u64) {
        if timer == self.pace_timer {
            self.pace_timer = NO_TIMER;
            self.start_one(net);
            return self.start(net);
        }
        let number = key as usize;
        let job = &mut self.jobs[number];
        if job.timer != timer {
            return;
        }
        // While the connection is paused, the silence is not the fault of the server.
        let silence = if job.is_paused { Duration::ZERO } else { net.now() - job.progressed };
        if silence < self.timeout {
            job.timer = net.set_timer(self.timeout - silence, key);
            return;
        }
        let sentence = format!("timed out: the server brought nothing for {:?} (--timeout)", self.timeout);
        self.fail(net, number, &sentence);
    }

    fn ready(&mut self, _net: &mut Net, fd: FdId, _readiness: Readiness) {
        if let Some(signals) = self.signals.as_mut().filter(|signals| signals.fd == fd)
            && let Some(signal) = signals.pending().first().copied()
        {
            self.given_up = Some(GivenUp::Signal(signal));
        }
    }
}
