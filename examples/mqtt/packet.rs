//! The packets of MQTT 3.1.1, without any I/O.

use hullo::frames::{Frames, Prefix};
use std::time::Duration;

pub const LONGEST_BODY: usize = 256 * 1024;

/// In seconds.
const FOR_EVER: u64 = 10 * 365 * 24 * 3600;

/// How a body follows the first byte of its packet.
pub const BODY: Frames<Prefix> = Frames::prefixed(Prefix::Varint32, LONGEST_BODY);

/// What a client must not say; it is let go.
pub struct Violation;

pub type Outcome<T> = Result<T, Violation>;

fn require(is_so: bool) -> Outcome<()> {
    if is_so { Ok(()) } else { Err(Violation) }
}

/// What has not been read of the body of a packet.
pub struct Body<'a>(pub &'a [u8]);

impl<'a> Body<'a> {
    fn byte(&mut self) -> Outcome<u8> {
        Ok(self.take(1)?[0])
    }

    /// The id of a packet, which is never zero.
    pub fn id(&mut self) -> Outcome<u16> {
        let id = self.number()?;
        require(id != 0).map(|()| id)
    }

    pub fn string(&mut self) -> Outcome<String> {
        let text = str::from_utf8(self.bytes()?).map_err(|_| Violation)?;
        require(!text.contains('\0')).map(|()| text.to_owned())
    }

    /// A name to publish under, without wildcards.
    pub fn topic(&mut self) -> Outcome<String> {
        let topic = self.string()?;
        require(!topic.is_empty() && !topic.contains(['+', '#'])).map(|()| topic)
    }

    pub fn qos(&mut self) -> Outcome<u8> {
        let qos = self.byte()?;
        require(qos < 3).map(|()| qos)
    }

    fn number(&mut self) -> Outcome<u16> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn bytes(&mut self) -> Outcome<&'a [u8]> {
        let length = self.number()?;
        self.take(length.into())
    }

    fn take(&mut self, count: usize) -> Outcome<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Violation)?;
        self.0 = rest;
        Ok(bytes)
    }
}

/// What a client says of itself first.
pub struct Connect {
    pub is_supported: bool,
    pub is_clean: bool,
    pub name: String,
    pub will: Option<Message>,
    /// How long it may be silent.
    pub silence: Duration,
}

impl Connect {
    pub fn read(mut body: Body<'_>) -> Outcome<Connect> {
        let is_supported = body.string()? == "MQTT" && body.byte()? == 4;
        if !is_supported {
            let (name, silence) = (String::new(), Duration::ZERO);
            return Ok(Connect { is_supported, is_clean: true, name, will: None, silence });
        }
        let (flags, keep_alive, name) = (body.byte()?, body.number()?, body.string()?);
        let has = |flag: u8| flags & flag != 0;
        let qos = flags >> 3 & 3;
        require(!has(0x01) && qos < 3 && (has(0x04) || !has(0x38)) && (has(0x80) || !has(0x40)))?;
        let mut will = None;
        if has(0x04) {
            let (topic, payload) = (body.topic()?, body.bytes()?.to_vec());
            will = Some(Message { topic, payload, qos, is_retained: has(0x20) });
        }
        // User and password: everybody is let in.
        for flag in [0x80, 0x40] {
            if has(flag) {
                body.bytes()?;
            }
        }
        require(body.0.is_empty())?;
        // Half as long again as it has promised to be silent at the most; zero promises nothing.
        let seconds = if keep_alive == 0 { FOR_EVER } else { u64::from(keep_alive) };
        let silence = Duration::from_secs(seconds) * 3 / 2;
        Ok(Connect { is_supported, is_clean: has(0x02), name, will, silence })
    }

    /// What it is answered: zero, or why it is refused.
    pub fn code(&self) -> u8 {
        match (self.is_supported, self.is_clean) {
            (true, true) => 0,
            (false, _) => 1,
            // "Server unavailable": a session that outlives its connection is better refused than lost.
            (true, false) => 3,
        }
    }
}

#[derive(Clone)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub is_retained: bool,
}

impl Message {
    /// Reads a PUBLISH, with its id, which is zero for QoS 0.
    pub fn read(flags: u8, mut body: Body<'_>) -> Outcome<(Message, u16)> {
        let (topic, qos) = (body.topic()?, flags >> 1 & 3);
        require(qos < 3)?;
        let id = if qos == 0 { 0 } else { body.id()? };
        Ok((Message { topic, payload: body.0.to_vec(), qos, is_retained: flags & 1 != 0 }, id))
    }

    /// What it costs to keep.
    pub fn cost(&self) -> usize {
        self.topic.len() + self.payload.len() + size_of::<Message>()
    }

    /// Appends a PUBLISH: of QoS 1 with an id, of QoS 0 without.
    pub fn write(&self, out: &mut Vec<u8>, id: Option<u16>) {
        let id = id.map(u16::to_be_bytes);
        let length = (self.topic.len() as u16).to_be_bytes();
        let id_bytes = id.as_ref().map_or(&[][..], |id| id);
        let body = [&length, self.topic.as_bytes(), id_bytes, &self.payload].concat();
        write_packet(out, 0x30 | u8::from(id.is_some()) << 1 | u8::from(self.is_retained), &body);
    }
}

pub fn write_packet(out: &mut Vec<u8>, head: u8, body: &[u8]) {
    // What we write is no longer than what came in, but for the id of a message.
    const FRAMES: Frames<Prefix> = Frames::prefixed(Prefix::Varint32, LONGEST_BODY + 2);
    out.push(head);
    let _ = FRAMES.write_frame(out, body);
}

/// A packet that holds nothing but the id of another.
pub fn acknowledgement(kind: u8, id: u16) -> [u8; 4] {
    let [high, low] = id.to_be_bytes();
    [kind, 2, high, low]
}

pub fn is_filter(filter: &str) -> bool {
    let levels: Vec<&str> = filter.split('/').collect();
    let is_level = |(at, level): (usize, &&str)| match *level {
        "#" => at + 1 == levels.len(),
        level => level == "+" || !level.contains(['+', '#']),
    };
    !filter.is_empty() && levels.iter().enumerate().all(is_level)
}

pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false; // topics of a broker itself are not meant by a wildcard
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some(level), Some(named)) if level == "+" || level == named => {}
            _ => return false,
        }
    }
}
