//! A log of what codexpin itself does: the programs that it starts, and how long
//! each install, check and step takes. It stands beside each session, check and
//! apply as [`FILE`]; `--verbose` shows the same lines on stderr. Every line is
//! masked as all output is, and the file has a bound.
//!
//! Lines are kept in memory until [`Log::keep_in`] says where the file is: a
//! session has its directory only after its candidates are known.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{FmtSpan, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::event::{Clock, Events};
use crate::redact::Person;
use crate::visible;

/// The log's name in the directory of a session, a check or an apply.
pub const FILE: &str = "codexpin.log";

/// How large a file may become; a longer one of an earlier run is set aside. Bytes.
const FILE_LIMIT: u64 = 8 * 1024 * 1024;
/// How much is kept before there is a file. Bytes.
const WAITING_LIMIT: usize = 1024 * 1024;
/// How long a line may be. Bytes.
const LINE_LIMIT: usize = 16 * 1024;

/// Shows a line of the log.
pub type ShowLine = Box<dyn Fn(&str) + Send + Sync>;
type WhoseTexts = Box<dyn Fn() -> Arc<Person> + Send + Sync>;

/// The log. Clones write to the same file.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    person: WhoseTexts,
    show: Option<ShowLine>,
    destination: Mutex<LogDestination>,
}

#[derive(Debug)]
enum LogDestination {
    Memory(Vec<u8>),
    File {
        file: File,
        written: u64,
    },
    /// The file is full, or could not be written.
    Closed,
}

impl Log {
    /// A log that masks what `person` names; `show` is for `--verbose`.
    pub fn new(
        person: impl Fn() -> Arc<Person> + Send + Sync + 'static,
        show: Option<ShowLine>,
    ) -> Self {
        let destination = Mutex::new(LogDestination::Memory(Vec::new()));
        Self(Arc::new(Shared { person: Box::new(person), show, destination }))
    }

    /// Takes what this process logs from now on, with the time by `clock`. Only the
    /// first log of a process does.
    pub fn install(&self, clock: Arc<dyn Clock>) {
        // A second one changes nothing: a process has one log.
        let _ = tracing::subscriber::set_global_default(self.subscriber(clock));
    }

    /// What hears codexpin's own spans and events. Those of its libraries are left
    /// out: HTTP libraries would write down headers.
    fn subscriber(&self, clock: Arc<dyn Clock>) -> impl Subscriber + Send + Sync + use<> {
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_timer(LogTime(clock))
            .with_span_events(FmtSpan::CLOSE)
            .with_writer(self.clone())
            .with_filter(Targets::new().with_target(env!("CARGO_CRATE_NAME"), Level::DEBUG));
        tracing_subscriber::registry().with(layer)
    }

    /// Has everything so far, and all that comes, written into the directory's log file.
    /// That it cannot be is told, and stops nothing.
    pub fn keep_in(&self, directory: &Utf8Path, events: &Events) {
        if let Err(error) = self.write_into(directory) {
            events.warn(format!("no log of codexpin's own doings is kept: {error}"));
        }
    }

    fn write_into(&self, directory: &Utf8Path) -> io::Result<()> {
        let path = directory.join(FILE);
        set_aside(&path)?;
        let file = open(&path)?;
        let written = file.metadata()?.len();
        let mut destination = self.destination();
        let waiting = match &mut *destination {
            LogDestination::Memory(waiting) => std::mem::take(waiting),
            LogDestination::File { .. } | LogDestination::Closed => Vec::new(),
        };
        *destination = LogDestination::File { file, written };
        destination.write(&waiting);
        Ok(())
    }

    fn destination(&self) -> MutexGuard<'_, LogDestination> {
        self.0.destination.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, text: &str) {
        let masked = (self.0.person)().line(text).into_owned();
        let line = bounded(&visible::text(&masked));
        if let Some(show) = &self.0.show {
            show(line.trim_end());
        }
        self.destination().write(line.as_bytes());
    }
}

/// The beginning of a masked line; masked first, since half a secret does not look
/// like one.
fn bounded(line: &str) -> String {
    if line.len() <= LINE_LIMIT {
        return line.to_owned();
    }
    let end = line.floor_char_boundary(LINE_LIMIT);
    format!("{} [{} bytes left out]\n", &line[..end], line.len() - end)
}

impl LogDestination {
    fn write(&mut self, line: &[u8]) {
        match self {
            Self::Memory(waiting) if waiting.len() + line.len() <= WAITING_LIMIT => {
                waiting.extend_from_slice(line);
            }
            Self::Memory(_) | Self::Closed => {}
            Self::File { file, written } => {
                let full = *written + line.len() as u64 > FILE_LIMIT;
                let end = format!("[the log ends here: it reached {FILE_LIMIT} bytes]\n");
                let result = file.write_all(if full { end.as_bytes() } else { line });
                *written += line.len() as u64;
                // A log that cannot be written stops no work.
                if full || result.is_err() {
                    *self = Self::Closed;
                }
            }
        }
    }
}

/// A file of an earlier run that is half full makes room for a new one.
fn set_aside(path: &Utf8Path) -> io::Result<()> {
    match fs_err::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_LIMIT / 2 => fs_err::rename(path, older(path)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn older(path: &Utf8Path) -> Utf8PathBuf {
    path.with_extension("older.log")
}

fn open(path: &Utf8Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().append(true).create(true).mode(0o600).open(path)
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = PendingLine<'a>;

    fn make_writer(&'a self) -> PendingLine<'a> {
        PendingLine { log: self, text: Vec::new() }
    }
}

/// One line of the log, written when it is dropped: a secret must not be masked in pieces.
pub struct PendingLine<'a> {
    log: &'a Log,
    text: Vec<u8>,
}

impl Write for PendingLine<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PendingLine<'_> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.log.line(&String::from_utf8_lossy(&self.text));
        }
    }
}

struct LogTime(Arc<dyn Clock>);

impl FormatTime for LogTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:.3}", self.0.now())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::redact::TOKEN;
    use crate::secret::Secret;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            "2026-05-19T12:00:00Z".parse().unwrap()
        }

        fn since_start(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    fn log() -> Log {
        let secret = Secret::new("a-plain-word-that-lets-in");
        let person = Arc::new(Person::default().with_secret(&secret, TOKEN));
        Log::new(move || Arc::clone(&person), None)
    }

    fn read(directory: &Utf8Path) -> String {
        fs_err::read_to_string(directory.join(FILE)).unwrap()
    }

    #[test]
    fn what_was_logged_before_there_is_a_file_is_in_it_with_its_time_and_its_span() {
        let (_guard, directory) = directory();
        let log = log();
        tracing::subscriber::with_default(log.subscriber(Arc::new(Noon)), || {
            tracing::info!("before");
            log.write_into(&directory).unwrap();
            tracing::info_span!("check", core = "2026.5.19").in_scope(|| tracing::info!("after"));
        });
        let text = read(&directory);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("2026-05-19T12:00:00.000Z"), "{text}");
        assert!(lines[0].ends_with("before"), "{text}");
        assert!(lines[1].contains("check{core=\"2026.5.19\"}"), "{text}");
        assert!(lines[2].contains("time.busy="), "{text}");
    }

    #[test]
    fn neither_a_secret_by_its_shape_nor_one_that_codexpin_holds_reaches_the_log() {
        let (_guard, directory) = directory();
        let log = log();
        log.write_into(&directory).unwrap();
        tracing::subscriber::with_default(log.subscriber(Arc::new(Noon)), || {
            let command = "openclaw --token made-up-0123456789 sk-madeup0123456789";
            tracing::info!(command, "with a-plain-word-that-lets-in");
        });
        let text = read(&directory);
        assert!(!text.contains("made-up") && !text.contains("madeup"), "{text}");
        assert!(!text.contains("lets-in"), "{text}");
        assert!(text.contains("openclaw --token [token] [token]"), "{text}");
    }

    #[test]
    fn what_libraries_say_is_left_out() {
        let (_guard, directory) = directory();
        let log = log();
        log.write_into(&directory).unwrap();
        tracing::subscriber::with_default(log.subscriber(Arc::new(Noon)), || {
            tracing::error!(target: "hyper::proto", "a header");
        });
        assert_eq!(read(&directory), "");
    }

    #[test]
    fn a_log_has_a_bound_and_says_that_it_reached_it() {
        let (_guard, directory) = directory();
        let log = log();
        log.write_into(&directory).unwrap();
        let line = format!("{}\n", "x ".repeat(LINE_LIMIT));
        for _ in 0..FILE_LIMIT / LINE_LIMIT as u64 + 10 {
            log.destination().write(bounded(&line).as_bytes());
        }
        let text = read(&directory);
        assert!(text.len() as u64 <= FILE_LIMIT + 100, "{}", text.len());
        assert!(text.contains("bytes left out]\n"));
        assert!(text.ends_with("[the log ends here: it reached 8388608 bytes]\n"));

        // The next run has room.
        let next = Log::new(Arc::default, None);
        next.write_into(&directory).unwrap();
        next.line("again\n");
        assert_eq!(read(&directory), "again\n");
        assert!(older(&directory.join(FILE)).exists());
    }

    #[test]
    fn verbose_shows_the_same_lines() {
        let shown = Arc::new(Mutex::new(String::new()));
        let show: ShowLine = Box::new({
            let shown = Arc::clone(&shown);
            move |line| shown.lock().unwrap().push_str(line)
        });
        let log = Log::new(Arc::default, Some(show));
        tracing::subscriber::with_default(log.subscriber(Arc::new(Noon)), || {
            tracing::info!("key sk-madeup0123456789");
        });
        assert!(shown.lock().unwrap().ends_with("key [token]"), "{}", shown.lock().unwrap());
    }
}
