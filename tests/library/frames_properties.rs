//! What holds of every stream of frames, whatever the bytes and however they are cut into reads.

use std::borrow::Cow;
use std::time::Duration;

use hullo::frames::{Delimiter, Fixed, FrameError, Frames, Lines, PayloadError, Prefix, Rule};
use nix::time::{ClockId, clock_gettime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() }
}

/// The frames of a stream, and how it ended.
type Outcome = (Vec<Vec<u8>>, Result<Option<Vec<u8>>, FrameError>);

/// Reads a stream as a handler does, and checks at each step what is promised of memory and of `bytes`. `extra` is
/// what may be held on top of the limit.
fn read<F: Rule>(mut frames: Frames<F>, reads: &[&[u8]], extra: usize) -> Outcome {
    let bound = frames.limit().saturating_add(extra);
    let mut found = Vec::new();
    for mut bytes in reads.iter().copied() {
        loop {
            let (before, was_held) = (bytes, frames.held());
            match frames.next(&mut bytes) {
                Ok(Some(frame)) => {
                    assert!(frame.len() <= frames.limit());
                    assert!(before.ends_with(bytes), "bytes were reordered");
                    assert_eq!(frames.held(), 0);
                    match &frame {
                        Cow::Borrowed(_) => assert_eq!(was_held, 0),
                        Cow::Owned(whole) => {
                            assert!(was_held > 0, "a whole frame was copied");
                            assert!(whole.capacity() <= bound.max(10), "{} reserved", whole.capacity());
                        }
                    }
                    found.push(frame.into_owned());
                }
                Ok(None) => {
                    assert!(bytes.is_empty());
                    break;
                }
                Err(error) => {
                    assert_eq!(bytes, before);
                    assert_eq!(frames.held(), 0);
                    assert_eq!(frames.next(&mut &b"\n\0"[..]), Err(error));
                    assert_eq!(frames.finish(), Err(error));
                    return (found, Err(error));
                }
            }
        }
        assert!(frames.held() <= bound, "{} held, {bound} allowed", frames.held());
    }
    let held = frames.held();
    let end = frames.finish();
    assert_eq!(frames.held(), 0);
    if let Err(FrameError::Unfinished { held: said }) = end {
        assert_eq!(said, held);
    }
    (found, end)
}

/// Writes all payloads, reads them back however the stream is cut, and expects the same.
fn assert_round_trip<F: Rule + Clone>(
    frames: Frames<F>,
    payloads: &[Vec<u8>],
    cuts: &Cuts,
    extra: usize,
) -> Result<(), TestCaseError> {
    let mut stream = Vec::new();
    for payload in payloads {
        let before = stream.len();
        frames.write_frame(&mut stream, payload).unwrap();
        prop_assert!(stream.len() - before <= payload.len() + extra);
    }
    let (found, end) = read(frames, &cuts.of(&stream), extra);
    prop_assert_eq!(&found, payloads);
    prop_assert_eq!(end, Ok(None));
    Ok(())
}

/// Where to cut a stream of any length.
#[derive(Clone, Debug)]
enum Cuts {
    At(Vec<prop::sample::Index>),
    Every(usize),
}

impl Cuts {
    fn of<'a>(&self, stream: &'a [u8]) -> Vec<&'a [u8]> {
        match self {
            Cuts::Every(size) => stream.chunks(*size).collect(),
            Cuts::At(places) => {
                let mut ends: Vec<usize> = places.iter().map(|place| place.index(stream.len() + 1)).collect();
                ends.extend([0, stream.len()]);
                ends.sort_unstable();
                ends.windows(2).map(|ends| &stream[ends[0]..ends[1]]).collect()
            }
        }
    }
}

fn cuts() -> impl Strategy<Value = Cuts> {
    prop_oneof![
        4 => vec(any::<prop::sample::Index>(), 0..20).prop_map(Cuts::At),
        1 => (1usize..5).prop_map(Cuts::Every),
    ]
}

/// Bytes full of what ends frames, and of fronts and overlaps of it.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> =
        vec![b"\n", b"\n", b"\r\n", b"\r", b"\r\n\r\n", b"\0", b"a", b"aa", b"ab", b"aba", b"Ann", b"\xFF"];
    let piece = prop_oneof![12 => select(pieces).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..40)];
    vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

fn delimiters() -> impl Strategy<Value = &'static [u8]> {
    let all: Vec<&'static [u8]> = vec![
        b"\0",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"aa",
        b"aba",
        b"abaab",
        b"a boundary of more than 32 bytes, all told",
    ];
    select(all)
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    use Prefix::*;
    select(&[U8, U16Be, U16Le, U32Be, U32Le, Varint32, Varint64][..])
}

fn limits() -> impl Strategy<Value = usize> {
    select(&[0, 1, 2, 3, 5, 12, 80, 300, usize::MAX - 1, usize::MAX][..])
}

/// A delimited stream said once more, as plainly as can be.
fn delimited_model(delimiter: &[u8], limit: usize, mut stream: &[u8]) -> Outcome {
    let mut found = Vec::new();
    while let Some(end) = stream.windows(delimiter.len()).position(|window| window == delimiter) {
        if end > limit {
            return (found, Err(FrameError::TooLong { limit }));
        }
        found.push(stream[..end].to_vec());
        stream = &stream[end + delimiter.len()..];
    }
    let end = match stream.len() {
        0 => Ok(None),
        held if held >= limit.saturating_add(delimiter.len()) => Err(FrameError::TooLong { limit }),
        held => Err(FrameError::Unfinished { held }),
    };
    (found, end)
}

fn lines_model(limit: usize, stream: &[u8]) -> Outcome {
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap();
    let mut found = Vec::new();
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > limit {
            return (found, Err(FrameError::TooLong { limit }));
        }
        found.push(line.to_vec());
    }
    let end = match last.len() {
        0 => Ok(None),
        size if size > limit => Err(FrameError::TooLong { limit }),
        _ => Ok(Some(last.to_vec())),
    };
    (found, end)
}

fn prefixed_model(prefix: Prefix, limit: usize, mut stream: &[u8]) -> Outcome {
    let mut found = Vec::new();
    while !stream.is_empty() {
        let number = |width: usize| stream.get(..width).map(|bytes| (width, bytes.to_vec()));
        let low_first = |(width, bytes): (usize, Vec<u8>)| {
            (width, bytes.iter().rev().fold(0u128, |value, byte| value << 8 | u128::from(*byte)))
        };
        let high_first = |(width, mut bytes): (usize, Vec<u8>)| {
            bytes.reverse();
            low_first((width, bytes))
        };
        let read = match prefix {
            Prefix::U8 => number(1).map(low_first),
            Prefix::U16Be => number(2).map(high_first),
            Prefix::U16Le => number(2).map(low_first),
            Prefix::U32Be => number(4).map(high_first),
            Prefix::U32Le => number(4).map(low_first),
            Prefix::Varint32 | Prefix::Varint64 => {
                let (max, bits) = if prefix == Prefix::Varint32 { (5, 32) } else { (10, 64) };
                let mut value = 0u128;
                let mut end = None;
                for (index, byte) in stream.iter().take(max).enumerate() {
                    value |= u128::from(byte & 0x7F) << (7 * index);
                    if *byte < 0x80 {
                        end = Some((index + 1, value));
                        break;
                    }
                }
                if value >> bits != 0 || end.is_none() && stream.len() >= max {
                    return (found, Err(FrameError::BadPrefix { max }));
                }
                end
            }
            _ => unreachable!(),
        };
        let unfinished = Err(FrameError::Unfinished { held: stream.len() });
        let Some((width, len)) = read else { return (found, unfinished) };
        if len > limit as u128 {
            return (found, Err(FrameError::TooLong { limit }));
        }
        let Some(frame) = stream[width..].get(..len as usize) else { return (found, unfinished) };
        found.push(frame.to_vec());
        stream = &stream[width + len as usize..];
    }
    (found, Ok(None))
}

fn fixed_model(size: usize, stream: &[u8]) -> Outcome {
    let frames = stream.chunks_exact(size);
    let end = match frames.remainder().len() {
        0 => Ok(None),
        held => Err(FrameError::Unfinished { held }),
    };
    (frames.map(<[u8]>::to_vec).collect(), end)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lines_come_back_as_they_were_written(payloads in vec(bytes(), 0..12), cuts in cuts()) {
        let lines = Frames::lines(4096);
        let mut payloads = payloads;
        payloads.retain(|payload| !payload.contains(&b'\n') && !payload.ends_with(b"\r"));
        assert_round_trip(lines, &payloads, &cuts, 1)?;
    }

    #[test]
    fn delimited_frames_come_back_as_they_were_written(
        delimiter in delimiters(),
        payloads in vec(bytes(), 0..12),
        cuts in cuts(),
    ) {
        let frames = Frames::delimited(delimiter, 4096);
        let mut payloads = payloads;
        payloads.retain(|payload| frames.write_frame(&mut Vec::new(), payload).is_ok());
        assert_round_trip(frames, &payloads, &cuts, delimiter.len())?;
        let shared = Frames::delimited_by(delimiter.to_vec(), 4096);
        assert_round_trip(shared, &payloads, &cuts, delimiter.len())?;
    }

    #[test]
    fn prefixed_frames_come_back_as_they_were_written(
        prefix in prefixes(),
        payloads in vec(prop_oneof![4 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 120..256)], 0..12),
        cuts in cuts(),
    ) {
        assert_round_trip(Frames::prefixed(prefix, 4096), &payloads, &cuts, 10)?;
    }

    #[test]
    fn fixed_frames_come_back_as_they_were_written(
        (size, payloads) in (1usize..40).prop_flat_map(|size| (Just(size), vec(vec(any::<u8>(), size), 0..12))),
        cuts in cuts(),
    ) {
        assert_round_trip(Frames::fixed(size), &payloads, &cuts, 0)?;
    }

    #[test]
    fn any_bytes_are_lines_as_the_model_has_it(stream in bytes(), limit in limits(), cuts in cuts()) {
        let expected = lines_model(limit, &stream);
        prop_assert_eq!(read(Frames::lines(limit), &[&stream], 1), expected.clone());
        prop_assert_eq!(read(Frames::lines(limit), &cuts.of(&stream), 1), expected);
    }

    #[test]
    fn any_bytes_are_delimited_as_the_model_has_it(
        delimiter in delimiters(),
        stream in bytes(),
        limit in limits(),
        cuts in cuts(),
    ) {
        let (expected, extra) = (delimited_model(delimiter, limit, &stream), delimiter.len() - 1);
        let frames = Frames::delimited(delimiter, limit);
        prop_assert_eq!(read(frames.clone(), &[&stream], extra), expected.clone());
        prop_assert_eq!(read(frames, &cuts.of(&stream), extra), expected);
    }

    #[test]
    fn any_bytes_are_prefixed_as_the_model_has_it(
        prefix in prefixes(),
        stream in prop_oneof![
            vec(any::<u8>(), 0..80),
            vec(select(&[0, 0, 0, 1, 2, 3, 0x0F, 0x10, 0x7F, 0x80, 0x80, 0x81, 0xFF][..]), 0..80),
        ],
        limit in limits(),
        cuts in cuts(),
    ) {
        let frames = Frames::prefixed(prefix, limit);
        let expected = prefixed_model(prefix, frames.limit(), &stream);
        prop_assert_eq!(read(frames.clone(), &[&stream], 10), expected.clone());
        prop_assert_eq!(read(frames, &cuts.of(&stream), 10), expected);
    }

    #[test]
    fn any_bytes_are_fixed_frames_as_the_model_has_it(
        size in 1usize..40,
        stream in vec(any::<u8>(), 0..200),
        cuts in cuts(),
    ) {
        let expected = fixed_model(size, &stream);
        prop_assert_eq!(read(Frames::fixed(size), &cuts.of(&stream), 0), expected);
    }

    #[test]
    fn what_is_written_is_read_back_and_what_would_not_be_is_refused(
        delimiter in delimiters(),
        payload in bytes(),
        limit in limits(),
    ) {
        fn check<F: Rule + Clone>(frames: &Frames<F>, payload: &[u8], by_model: impl Fn(&[u8]) -> Outcome, end: &[u8]) {
            let mut out = b"before".to_vec();
            let plain = [payload, end].concat();
            let comes_back = by_model(&plain) == (vec![payload.to_vec()], Ok(None));
            match frames.write_frame(&mut out, payload) {
                Ok(()) => {
                    assert!(comes_back);
                    assert_eq!(out, [b"before", &plain[..]].concat());
                }
                Err(error) => {
                    assert!(!comes_back, "{error}");
                    assert_eq!(out, b"before");
                    if let PayloadError::Delimiter { at } = error {
                        assert!(at < payload.len());
                    }
                }
            }
        }
        check(&Frames::lines(limit), &payload, |stream| lines_model(limit, stream), b"\n");
        let frames = Frames::delimited(delimiter, limit);
        check(&frames, &payload, |stream| delimited_model(delimiter, limit, stream), delimiter);
    }
}

/// The processor time to take one frame of `size` bytes that comes byte by byte; how busy the machine is does not count.
fn byte_by_byte<F: Rule + Clone>(frames: &Frames<F>, size: usize) -> Duration {
    let mut stream = Vec::new();
    frames.write_frame(&mut stream, &vec![b'a'; size]).unwrap();
    let mut frames = frames.clone();
    let begun = thread_time();
    let mut found = None;
    for mut byte in stream.chunks(1) {
        assert!(found.is_none());
        found = frames.next(&mut byte).unwrap();
    }
    let took = thread_time() - begun;
    assert_eq!(found.unwrap().len(), size);
    took
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// The least of several times, side by side: 64 times the bytes cost 64 times the work, or 4096 times where each
/// byte has all before it looked at or copied again.
fn assert_linear<F: Rule + Clone>(name: &str, of_size: impl Fn(usize) -> Frames<F>) {
    const SMALL: usize = 16 * 1024;
    const LARGE: usize = 64 * SMALL;
    let (mut small, mut large) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        small = small.min(byte_by_byte(&of_size(SMALL), SMALL));
        large = large.min(byte_by_byte(&of_size(LARGE), LARGE));
    }
    let ratio = large.as_secs_f64() / small.as_secs_f64();
    assert!(ratio < 512.0, "{name}: {small:?} for {SMALL} bytes, {large:?} for {LARGE}");
}

#[test]
fn a_frame_of_a_mebibyte_that_comes_byte_by_byte_costs_no_more_for_each() {
    assert_linear::<Lines>("lines", Frames::lines);
    assert_linear::<Delimiter>("one byte", |size| Frames::delimited(b"\0", size));
    assert_linear::<Delimiter>("four bytes", |size| Frames::delimited(b"\r\n\r\n", size));
    // Every byte of the payload could begin this one.
    assert_linear::<Delimiter>("begun by each byte", |size| Frames::delimited(b"aaaaaaab", size));
    assert_linear::<Prefix>("prefix", |size| Frames::prefixed(Prefix::U32Be, size));
    assert_linear::<Fixed>("fixed", Frames::fixed);
}
