//! A conversation by datagrams: an address that is heard, and what it owes us.

use super::failure::TalkError;
use hullo::{Address, DatagramId, Net};
use std::collections::VecDeque;
use std::io;

/// The most that we put into a datagram, which is what UDP carries over IPv4: 65,535 bytes less the headers.
pub const MOST: usize = 65_507;

pub struct Correspondence {
    udp: DatagramId,
    /// Where the datagrams go.
    pub to: Address,
    /// The other addresses that its name has.
    others: VecDeque<Address>,
    /// Messages that have no answer yet and should have one.
    pub owed: u64,
    pub is_heard: bool,
    last: Vec<u8>,
}

impl Correspondence {
    /// Looks the name up, which may take its time: nothing else waits yet.
    pub fn begin(net: &mut Net, address: &Address) -> Result<Correspondence, TalkError> {
        let found = address.resolve().map_err(|error| TalkError::look_up(address, &error))?;
        let mut others = VecDeque::from(found);
        let (to, udp) = connect(net, &mut others).map_err(|(to, error)| TalkError::connect(&to, &error))?;
        Ok(Correspondence { udp, to, others, owed: 0, is_heard: false, last: Vec::new() })
    }

    pub fn send(&mut self, net: &mut Net, message: &[u8]) -> Result<(), TalkError> {
        if message.len() > MOST {
            return Err(TalkError::too_long(&self.to, message.len()));
        }
        self.last = message.to_vec();
        net.send_datagram(self.udp, message);
        Ok(())
    }

    pub fn hear(&mut self) {
        self.is_heard = true;
        self.owed = self.owed.saturating_sub(1);
    }

    /// Nobody is there, or nobody reads. A name may have an address where somebody is: the message goes to the next one,
    /// as long as none has ever answered.
    pub fn refused(&mut self, net: &mut Net, error: &io::Error) -> Result<(), TalkError> {
        if error.kind() == io::ErrorKind::WouldBlock {
            return Err(TalkError::not_taken(&self.to));
        }
        if self.is_heard || self.others.is_empty() {
            return Err(TalkError::connect(&self.to, error));
        }
        net.close_datagrams(self.udp);
        (self.to, self.udp) =
            connect(net, &mut self.others).map_err(|(to, error)| TalkError::connect(&to, &error))?;
        let last = std::mem::take(&mut self.last);
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
