//! A file that never holds a secret: lines are masked on their way into it.

use std::io::{self, Write};
use std::sync::Arc;

use super::Person;
use super::shape::Flood;

/// The longest line that is waited for. A longer one is masked in pieces. Bytes.
const LONGEST: usize = 256 * 1024;

/// Writes whole lines, masked. What is no line yet is held back until it is one,
/// until [`Write::flush`], or until the stream is dropped.
#[derive(Debug)]
pub struct Stream<W: Write> {
    to: W,
    person: Arc<Person>,
    held: Vec<u8>,
    flood: Flood,
}

impl<W: Write> Stream<W> {
    /// Begins to write.
    pub fn new(to: W, person: Arc<Person>) -> Self {
        Self { to, person, held: Vec::new(), flood: Flood::default() }
    }

    fn write_first(&mut self, end: usize) -> io::Result<()> {
        let bytes = &self.held[..end];
        let text = String::from_utf8_lossy(bytes);
        match self.person.part(&text, &mut self.flood) {
            // Bytes that are not UTF-8 stay as they are if there is nothing to mask.
            masked if masked == text => self.to.write_all(bytes)?,
            masked => self.to.write_all(masked.as_bytes())?,
        }
        self.held.drain(..end);
        Ok(())
    }
}

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Only the new bytes can hold a line end: what is held is the rest of a line.
        let new = self.held.len();
        self.held.extend_from_slice(bytes);
        if let Some(end) = self.held[new..].iter().rposition(|byte| *byte == b'\n') {
            self.write_first(new + end + 1)?;
        }
        while self.held.len() > LONGEST {
            self.write_first(piece(&self.held[..LONGEST]))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_first(self.held.len())?;
        self.to.flush()
    }
}

impl<W: Write> Drop for Stream<W> {
    fn drop(&mut self) {
        // `drop` cannot report an error; a caller that needs to know calls `flush`.
        let _ = self.flush();
    }
}

/// Where a line that has no end may be cut: where no secret goes across. Its last
/// quarter is looked at, a secret being shorter than that.
fn piece(line: &[u8]) -> usize {
    let after = |apart: &[u8]| {
        let from = line.len() - line.len() / 4;
        line[from..].iter().rposition(|byte| apart.contains(byte)).map(|at| from + at + 1)
    };
    after(b",{}\n").or_else(|| after(b" \t;")).unwrap_or(line.len())
}
