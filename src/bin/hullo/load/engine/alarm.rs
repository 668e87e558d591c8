//! The alarms of a run: what each timer is for.

use crate::load::text::request::ClientId;

/// What a timer tells when it fires. The reactor carries it as a timer's key, in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alarm {
    /// The schedule has a request due.
    RequestDue,
    /// The request that has waited longest may be out of time.
    Deadline,
    /// The session that is coming to life for the longest time may be out of time.
    Handshake,
    /// The ramp has a client due.
    ClientDue,
    /// A client has waited long enough after a session that went wrong.
    BackOffOver(ClientId),
    /// A datagram of this client that the system did not take is offered again.
    SendAgain(ClientId),
    /// The server has had time to close after the farewell of this client.
    FarewellOverdue(ClientId),
    /// A second is over.
    Second,
    /// The phase of this number, or one of its ends, may be over.
    PhaseOver(u64),
    /// The shortest drain is over.
    GraceOver,
    /// Progress is shown.
    Progress,
    Heartbeat,
}

impl Alarm {
    /// What stands above the kind is the number of a client or of a phase.
    const KIND_BITS: u32 = 8;

    pub fn to_bits(self) -> u64 {
        let (kind, number) = match self {
            Alarm::RequestDue => (1, 0),
            Alarm::Deadline => (2, 0),
            Alarm::Handshake => (3, 0),
            Alarm::ClientDue => (4, 0),
            Alarm::BackOffOver(client) => (5, client.number().into()),
            Alarm::SendAgain(client) => (6, client.number().into()),
            Alarm::FarewellOverdue(client) => (7, client.number().into()),
            Alarm::Second => (8, 0),
            Alarm::PhaseOver(phase) => (9, phase),
            Alarm::GraceOver => (10, 0),
            Alarm::Progress => (11, 0),
            Alarm::Heartbeat => (12, 0),
        };
        kind | number << Alarm::KIND_BITS
    }

    /// None for bits that no alarm has.
    pub fn from_bits(bits: u64) -> Option<Alarm> {
        let number = bits >> Alarm::KIND_BITS;
        let client = || u32::try_from(number).ok().map(ClientId::new);
        let alone = |alarm| Some(alarm).filter(|_| number == 0);
        match bits & ((1 << Alarm::KIND_BITS) - 1) {
            1 => alone(Alarm::RequestDue),
            2 => alone(Alarm::Deadline),
            3 => alone(Alarm::Handshake),
            4 => alone(Alarm::ClientDue),
            5 => client().map(Alarm::BackOffOver),
            6 => client().map(Alarm::SendAgain),
            7 => client().map(Alarm::FarewellOverdue),
            8 => alone(Alarm::Second),
            9 => Some(Alarm::PhaseOver(number)),
            10 => alone(Alarm::GraceOver),
            11 => alone(Alarm::Progress),
            12 => alone(Alarm::Heartbeat),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_comes_back_from_its_bits_and_no_two_share_them() {
        let clients = [0, 1, 255, 256, u32::MAX].map(ClientId::new);
        let mut alarms = vec![
            Alarm::RequestDue,
            Alarm::Deadline,
            Alarm::Handshake,
            Alarm::ClientDue,
            Alarm::Second,
            Alarm::GraceOver,
            Alarm::Progress,
            Alarm::Heartbeat,
        ];
        alarms.extend([0, 1, 255, u64::MAX >> Alarm::KIND_BITS].map(Alarm::PhaseOver));
        for kind in [Alarm::BackOffOver, Alarm::SendAgain, Alarm::FarewellOverdue] {
            alarms.extend(clients.map(kind));
        }
        let mut bits: Vec<u64> = alarms.iter().map(|alarm| alarm.to_bits()).collect();
        for (alarm, &bits) in alarms.iter().zip(&bits) {
            assert_eq!(Alarm::from_bits(bits), Some(*alarm));
        }
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), alarms.len());
    }

    #[test]
    fn bits_of_no_alarm_are_told_from_those_of_one() {
        let too_large = Alarm::SendAgain(ClientId::new(u32::MAX)).to_bits() + (1 << Alarm::KIND_BITS);
        let numbered = Alarm::Second.to_bits() | 1 << Alarm::KIND_BITS;
        for bits in [0, 13, 255, u64::MAX, too_large, numbered] {
            assert_eq!(Alarm::from_bits(bits), None, "{bits:#x}");
        }
    }
}
