//! A conversation by datagrams: an address that is heard, and what it owes us.

use super::failure::TalkError;
use hullo::{Address, DatagramId, Net};
use std::collections::VecDeque;
use std::io;

/// The most that we put into a datagram, which is what UDP carries over IPv4: 65,535 bytes less the headers.
pub const LARGEST_DATAGRAM: usize = 65_507;

pub struct DatagramExchange {
    udp: DatagramId,
    /// Where the datagrams go.
    pub peer: Address,
    /// The other addresses that its name has.
    other_addresses: VecDeque<Address>,
    /// Messages that have no answer yet and should have one.
    pub unanswered: u64,
    pub has_answered: bool,
    last_message: Vec<u8>,
}

impl DatagramExchange {
    /// Looks the name up, which may take its time: nothing else waits yet.
    pub fn begin(net: &mut Net, address: &Address) -> Result<DatagramExchange, TalkError> {
        let found = address.resolve().map_err(|error| TalkError::look_up(address, &error))?;
        let mut other_addresses = VecDeque::from(found);
        let (to, udp) =
            connect(net, &mut other_addresses).map_err(|(to, error)| TalkError::connect(&to, &error))?;
        Ok(DatagramExchange {
            udp,
            peer: to,
            other_addresses,
            unanswered: 0,
            has_answered: false,
            last_message: Vec::new(),
        })
    }

    pub fn send(&mut self, net: &mut Net, message: &[u8]) -> Result<(), TalkError> {
        if message.len() > LARGEST_DATAGRAM {
            return Err(TalkError::too_long(&self.peer, message.len()));
        }
        self.last_message = message.to_vec();
        net.send_datagram(self.udp, message);
        Ok(())
    }

    pub fn count_answer(&mut self) {
        self.has_answered = true;
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Nobody is there, or nobody reads. A name may have an address where somebody is: the message goes to the next one,
    /// as long as none has ever answered.
    pub fn on_refusal(&mut self, net: &mut Net, error: &io::Error) -> Result<(), TalkError> {
        if error.kind() == io::ErrorKind::WouldBlock {
            return Err(TalkError::not_taken(&self.peer));
        }
        if self.has_answered || self.other_addresses.is_empty() {
            return Err(TalkError::connect(&self.peer, error));
        }
        net.close_datagrams(self.udp);
        (self.peer, self.udp) =
            connect(net, &mut self.other_addresses).map_err(|(to, error)| TalkError::connect(&to, &error))?;
        let last = std::mem::take(&mut self.last_message);
        self.send(net, &last)
    }
}

/// The first that the system knows a way to.
fn connect(net: &mut Net, to: &mut VecDeque<Address>) -> Result<(Address, DatagramId), (Address, io::Error)> {
    loop {
        let Some(address) = to.pop_front() else { unreachable!("a name has at least one address") };
        match net.connect_datagrams(address.clone()) {
            Ok(udp) => return Ok((address, udp)),
            Err(error) if to.is_empty() => return Err((address, error)),
            Err(_) => {}
        }
    }
}
