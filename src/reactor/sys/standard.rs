//! The standard streams as the process was given them.

use std::sync::atomic::{AtomicU8, Ordering};

/// One of the three descriptors that a process begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StandardStream {
    /// 0, stdin.
    Input,
    /// 1, stdout.
    Output,
    /// 2, stderr.
    Error,
}

impl StandardStream {
    /// Whether it was closed when the process began, as by `>&-` in a shell.
    ///
    /// Before `main` std opens `/dev/null` in its place, so that no socket takes its number. What is written there from then
    /// on is lost without an error.
    pub fn was_closed(self) -> bool {
        CLOSED.load(Ordering::Relaxed) >> self as u8 & 1 == 1
    }
}

/// A bit for each.
static CLOSED: AtomicU8 = AtomicU8::new(0);

// SAFETY: the loader calls each pointer of this section once, before `main` and so before std looks. What it is called with
// is ignored, and there is no other thread.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for stream in 0..3 {
        // SAFETY: it takes no pointer, and of a number that is no descriptor it says so.
        if unsafe { libc::fcntl(stream, libc::F_GETFD) } < 0 {
            CLOSED.fetch_or(1 << stream, Ordering::Relaxed);
        }
    }
}
