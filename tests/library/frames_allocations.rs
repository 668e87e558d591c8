//! What frames cost in memory: nothing, unless a read cuts them.

use crate::counting::counted;
use hullo::frames::{Frames, Prefix, Rule};

fn drain<F: Rule>(frames: &mut Frames<F>, mut bytes: &[u8]) -> usize {
    let mut found = 0;
    while let Some(frame) = frames.next(&mut bytes).unwrap() {
        found += frame.len();
    }
    found
}

fn assert_whole_frames_allocate_nothing<F: Rule>(make: impl FnOnce() -> Frames<F>) {
    const PAYLOAD: &[u8] = b"a payload of just thirty bytes";
    let mut stream = Vec::new();
    let (mut frames, requests, _) = counted(make);
    assert_eq!(requests, 0, "making one allocates");
    for _ in 0..1000 {
        frames.write_frame(&mut stream, PAYLOAD).unwrap();
    }
    let (found, requests, _) = counted(|| drain(&mut frames, &stream));
    assert_eq!((found, requests), (1000 * PAYLOAD.len(), 0));

    // Cut in two, a frame costs a box, a buffer and its growth to full size; then all is given back.
    let one = stream.len() / 1000;
    let (found, requests, left) = counted(|| {
        let (front, back) = stream.split_at(one + one / 2);
        drain(&mut frames, front) + drain(&mut frames, back)
    });
    assert_eq!(found, 1000 * PAYLOAD.len());
    assert!((1..=3).contains(&requests), "{requests} allocations");
    assert_eq!(left, 0, "an idle stream owns memory");
}

#[test]
fn frames_whole_in_a_read_allocate_nothing_and_split_ones_leave_nothing() {
    assert_whole_frames_allocate_nothing(|| Frames::lines(80));
    assert_whole_frames_allocate_nothing(|| Frames::delimited(b"\0", 80));
    assert_whole_frames_allocate_nothing(|| Frames::delimited(b"\r\n\r\n", 80));
    assert_whole_frames_allocate_nothing(|| Frames::prefixed(Prefix::U8, 80));
    assert_whole_frames_allocate_nothing(|| Frames::prefixed(Prefix::U16Le, 80));
    assert_whole_frames_allocate_nothing(|| Frames::prefixed(Prefix::U32Be, 80));
    assert_whole_frames_allocate_nothing(|| Frames::prefixed(Prefix::Varint64, 80));
    assert_whole_frames_allocate_nothing(|| Frames::fixed(30));
}

#[test]
fn an_announced_length_reserves_nothing() {
    let mut frames = Frames::prefixed(Prefix::Varint64, usize::MAX);
    let (_, _, held) = counted(|| drain(&mut frames, b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01Ann"));
    assert!(held < 128, "{held} bytes for three");
}

#[test]
fn a_frame_of_a_mebibyte_that_comes_byte_by_byte_is_moved_a_few_times_only() {
    let mut frames = Frames::lines(1 << 20);
    let (_, requests, held) = counted(|| (0..1 << 20).for_each(|_| assert_eq!(drain(&mut frames, b"x"), 0)));
    assert!(requests <= 20, "{requests} allocations");
    assert!(held <= (1 << 20) + 128, "{held} bytes held");
    let (found, requests, left) = counted(|| drain(&mut frames, b"\n"));
    assert_eq!((found, requests), (1 << 20, 0));
    assert_eq!(left, -held);
}
