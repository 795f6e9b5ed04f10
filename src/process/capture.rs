//! A child's output: whole in a log file, bounded in memory. What it holds of the
//! user's secrets never gets into the file.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::redact::{Person, Stream};

/// What is kept in memory of the beginning, and as much of the end. Bytes.
const KEPT: usize = 2 * 1024 * 1024;
/// What a log file may take; the rest is counted and dropped. Bytes.
const LOG_LIMIT: u64 = 64 * 1024 * 1024;
/// How long to wait for the end of the output once every writer has ended.
const PATIENCE: Duration = Duration::from_secs(2);
/// Within how much of a cut the next end of a line is looked for. Bytes.
const NEAR: usize = 64 * 1024;

/// The beginning and the end of an output, with what was left out counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapturedOutput {
    head: Vec<u8>,
    tail: Vec<u8>,
    total: u64,
    person: Arc<Person>,
}

impl CapturedOutput {
    /// What may be shown and kept: all of it as text without secrets, where
    /// nothing was left out; otherwise with a line that says how much is missing.
    /// What is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        if self.omitted() == 0 {
            return self.person.line(&self.raw()).into_owned();
        }
        // Cut back to whole lines first: half a secret would not be recognised.
        let head = &self.head[..before_cut(&self.head)];
        let tail = &self.tail[after_cut(&self.tail)..];
        let omitted = self.total - (head.len() + tail.len()) as u64;
        self.person.line(&joined(head, omitted, tail)).into_owned()
    }

    /// The same unmasked: to parse an answer in it, and for nothing that is kept.
    pub fn raw(&self) -> String {
        match self.omitted() {
            0 => String::from_utf8_lossy(&[&*self.head, &*self.tail].concat()).into_owned(),
            n => joined(&self.head, n, &self.tail),
        }
    }

    /// How many bytes are not in memory.
    pub fn omitted(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    fn push(&mut self, mut bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = KEPT - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        bytes = rest;
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * KEPT {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let surplus = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..surplus);
    }
}

impl From<&str> for CapturedOutput {
    fn from(text: &str) -> Self {
        let mut captured = Self::default();
        captured.push(text.as_bytes());
        captured
    }
}

fn joined(head: &[u8], omitted: u64, tail: &[u8]) -> String {
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    format!("{head}\n[{omitted} bytes left out]\n{tail}")
}

/// The end of the last whole line, or word, before a cut; the cut itself where
/// none is near.
fn before_cut(head: &[u8]) -> usize {
    let near = &head[head.len().saturating_sub(NEAR)..];
    let apart = near.iter().rposition(|byte| *byte == b'\n');
    let apart = apart.or_else(|| near.iter().rposition(u8::is_ascii_whitespace));
    apart.map_or(head.len(), |at| head.len() - near.len() + at)
}

/// The beginning of the first whole line, or word, after a cut.
fn after_cut(tail: &[u8]) -> usize {
    let near = &tail[..tail.len().min(NEAR)];
    let apart = near.iter().position(|byte| *byte == b'\n');
    let apart = apart.or_else(|| near.iter().position(u8::is_ascii_whitespace));
    apart.map_or(0, |at| at + 1)
}

/// A capture under way.
#[derive(Debug)]
pub(super) struct Capture {
    reader: JoinHandle<io::Result<()>>,
    so_far: watch::Receiver<CapturedOutput>,
}

pub(super) fn start(
    stream: Option<impl AsyncRead + Unpin + Send + 'static>,
    log: Option<Utf8PathBuf>,
    person: Arc<Person>,
) -> Capture {
    let captured = CapturedOutput { person: Arc::clone(&person), ..CapturedOutput::default() };
    let (captured, so_far) = watch::channel(captured);
    let reader = tokio::spawn(async move {
        let Some(mut stream) = stream else { return Ok(()) };
        let log = log.map(fs_err::File::create).transpose()?;
        let mut log = log.map(|file| Stream::new(file, person));
        let mut written = 0;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = stream.read(&mut buffer).await?;
            if n == 0 {
                return log.as_mut().map_or(Ok(()), Stream::flush);
            }
            captured.send_modify(|captured| captured.push(&buffer[..n]));
            if let Some(log) = log.as_mut().filter(|_| written < LOG_LIMIT) {
                log.write_all(&buffer[..n])?;
                written += n as u64;
                if written >= LOG_LIMIT {
                    writeln!(log, "\n[the log ends here: it reached {LOG_LIMIT} bytes]")?;
                }
            }
        }
    });
    Capture { reader, so_far }
}

impl Capture {
    /// The output as far as it has come.
    pub(super) fn so_far(&self) -> CapturedOutput {
        self.so_far.borrow().clone()
    }

    /// The output as it grows.
    pub(super) fn changes(&self) -> watch::Receiver<CapturedOutput> {
        self.so_far.clone()
    }

    /// The output. If a process that could not be found holds the pipe open, its
    /// reader is given up after [`PATIENCE`].
    pub(super) async fn finish(self) -> io::Result<CapturedOutput> {
        let abort = self.reader.abort_handle();
        match tokio::time::timeout(PATIENCE, self.reader).await {
            Ok(Ok(read)) => read?,
            Ok(Err(panicked)) => return Err(io::Error::other(panicked)),
            Err(_) => abort.abort(),
        }
        let mut captured = self.so_far.borrow().clone();
        captured.trim();
        Ok(captured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_within_the_bound_is_kept_to_the_last_byte() {
        let mut captured = CapturedOutput::default();
        for _ in 0..3 {
            captured.push(&vec![b'x'; KEPT / 2]);
        }
        captured.trim();
        assert_eq!((captured.text().len(), captured.omitted()), (KEPT / 2 * 3, 0));
    }

    #[test]
    fn a_secret_that_the_cut_goes_through_is_not_told_in_pieces() {
        let secret = "refresh_token=made-up-1234567890";
        let mut captured = CapturedOutput::default();
        captured.push(&vec![b'x'; KEPT - 50]);
        captured.push(format!("\n{}{secret}\n", "y".repeat(20)).as_bytes());
        captured.push(&vec![b'z'; 2 * KEPT]);
        captured.push(b"\nthe end");
        captured.trim();
        assert!(captured.raw().contains("refresh_token=made-up"), "it is cut in the middle");
        let text = captured.text();
        assert!(
            !text.contains("made-up") && !text.contains("567890"),
            "{}",
            &text[KEPT - 99..KEPT]
        );
        assert!(text.ends_with("the end"));
    }

    #[test]
    fn a_flood_keeps_its_beginning_and_its_end() {
        let mut captured = CapturedOutput::default();
        captured.push(b"first words ");
        for _ in 0..9 {
            captured.push(&vec![b'x'; KEPT]);
        }
        captured.push(b" last words");
        captured.trim();
        let text = captured.text();
        assert!(text.starts_with("first words ") && text.ends_with(" last words"));
        assert!(captured.omitted() > 0 && text.len() < 2 * KEPT + 100);
    }
}
