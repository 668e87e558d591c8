//! A conversation by datagrams: where they go, and how many answers are missing.

use super::error::TalkError;
use hullo::{Address, DatagramId, Net};
use std::collections::VecDeque;
use std::io;

/// The longest message that we send as a datagram. It is what UDP carries over IPv4: 65,535 bytes without the headers.
pub const LARGEST_DATAGRAM: usize = 65_507;

/// A connected datagram socket, and what is known of the answers to come.
pub struct DatagramExchange {
    udp: DatagramId,
    /// The address that the datagrams go to.
    pub peer: Address,
    /// The addresses of its name that were not tried yet.
    other_addresses: VecDeque<Address>,
    /// How many messages should have an answer and have none yet.
    pub unanswered: u64,
    pub has_answered: bool,
    last_message: Vec<u8>,
}

impl DatagramExchange {
    /// Looks the name up and connects. The look-up may block, since nothing else is under way yet.
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

    /// The system has refused the last message: nobody listens at the address, or nobody reads. Another address of the same
    /// name may be the right one. So the message goes to the next address, unless the server has ever answered.
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

/// Connects to the first address that the system has a route to.
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
