//! A time series on its way: a thread of its own writes it, so that whoever reads it slowly holds no run up.

use super::output::{Output, cannot_write};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// The most lines that wait for a reader. There is one a second, so that this is a quarter of an hour.
const WAITING: usize = 1024;

/// At the end a reader that takes nothing for so long is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(2);

pub struct Series {
    path: PathBuf,
    lines: SyncSender<String>,
    /// Lines for which there was no room.
    dropped: u64,
    told: u64,
    written: Arc<AtomicU64>,
    result: Receiver<io::Result<()>>,
}

impl Series {
    pub fn begin(output: Output) -> Series {
        let (lines, waiting) = sync_channel(WAITING);
        let (done, result) = sync_channel(1);
        let (path, written) = (output.path().to_path_buf(), Arc::new(AtomicU64::new(0)));
        let count = written.clone();
        thread::spawn(move || {
            // Nobody listens any longer where the end was not waited for.
            let _ = done.send(write(output, &waiting, &count));
        });
        Series { path, lines, dropped: 0, told: 0, written, result }
    }

    pub fn write(&mut self, line: String) {
        self.told += 1;
        // After an error nobody takes lines; what it was is told at the end.
        self.dropped += u64::from(self.lines.try_send(line).is_err());
    }

    /// Ends the series; it waits while the reader takes lines.
    pub fn end(self) -> Result<(), String> {
        let Series { path, lines, dropped, told, written, result } = self;
        drop(lines);
        let mut before = written.load(Ordering::Relaxed);
        loop {
            match result.recv_timeout(PATIENCE) {
                Ok(Err(error)) => return Err(cannot_write(&path, &error)),
                Ok(Ok(())) | Err(RecvTimeoutError::Disconnected) if dropped == 0 => return Ok(()),
                Err(RecvTimeoutError::Timeout) if written.load(Ordering::Relaxed) > before => {}
                _ => break,
            }
            before = written.load(Ordering::Relaxed);
        }
        let missing = told - written.load(Ordering::Relaxed);
        Err(format!("{missing} of {told} lines were not written to {}: nobody read them", path.display()))
    }
}

fn write(mut output: Output, lines: &Receiver<String>, written: &AtomicU64) -> io::Result<()> {
    let mut has_begun = false;
    for line in lines {
        if !std::mem::replace(&mut has_begun, true) {
            output.begin()?;
        }
        output.append(line.as_bytes())?;
        written.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
