//! What is going on while candidates are installed and asked: bars where a
//! person looks, plain lines where a program reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::paint::Paint as _;
use super::{apply, bisect, brief, counted, duration, login, minute, terminal};
use crate::event::{Event, TimedEvent};
use crate::release::Version;
use crate::search::Purpose;
use crate::verdict::Verdict;
use crate::visible;

/// The progress display: bars on a terminal, lines elsewhere. Clones show on the
/// same lines.
#[derive(Debug, Clone, Default)]
pub struct ProgressDisplay(Arc<Mutex<ProgressState>>);

#[derive(Debug, Default)]
struct ProgressState {
    bars: Option<MultiProgress>,
    search: Option<ProgressBar>,
    installs: BTreeMap<Version, ProgressBar>,
    check: Option<ProgressBar>,
    done: u64,
}

impl ProgressDisplay {
    /// Shows what happened.
    pub fn show(&self, event: &TimedEvent) {
        self.state().show(&event.event);
    }

    /// Takes the bars away; the lines stay.
    pub fn end(&self) {
        let mut state = self.state();
        for bar in std::mem::take(&mut state.installs).into_values() {
            bar.finish_and_clear();
        }
        for bar in [state.check.take(), state.search.take()].into_iter().flatten() {
            bar.finish_and_clear();
        }
        if state.bars.take().is_some() {
            terminal::end_bars();
        }
    }

    fn state(&self) -> MutexGuard<'_, ProgressState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProgressState {
    fn show(&mut self, event: &Event) {
        match event {
            Event::InstallStarted { core } => {
                if let Some(bars) = self.bars() {
                    let bar = spinner(&bars, &format!("installing {core}"));
                    self.installs.insert(*core, bar);
                } else {
                    terminal::say(&format!("installing {core}"));
                }
            }
            Event::InstallFinished { core, elapsed_ms, reused } => {
                self.clear(*core);
                if !reused && self.bars().is_none() {
                    let elapsed = duration(Duration::from_millis(*elapsed_ms));
                    terminal::say(&format!("installed  {core} in {elapsed}"));
                }
            }
            Event::InstallFailed { core, .. } => self.clear(*core),
            Event::InstallDropped { core } => {
                self.clear(*core);
                if self.bars().is_none() {
                    terminal::say(&format!("dropped    {core}: the search no longer needs it"));
                }
            }
            Event::CheckStarted { core } => {
                if let Some(bars) = self.bars() {
                    self.check = Some(spinner(&bars, &format!("asking {core} for a reply")));
                }
            }
            Event::RemedyStarted { words } => {
                if let Some(bar) = self.check.take() {
                    bar.finish_and_clear();
                }
                let message = format!("trying whether it answers {words}");
                match self.bars() {
                    Some(bars) => self.check = Some(spinner(&bars, &message)),
                    None => terminal::say(&message),
                }
            }
            Event::CheckFinished { core, verdict, elapsed_ms, purpose, known_since } => {
                if let Some(bar) = self.check.take() {
                    bar.finish_and_clear();
                }
                self.done += 1;
                terminal::say(&verdict_line(
                    *core,
                    verdict,
                    &cost(*elapsed_ms, *known_since),
                    *purpose,
                ));
            }
            Event::Search { checks: 0, .. } | Event::Scan { left: 0, .. } => {}
            Event::Scan { left, of } => {
                let what = format!("{} to ask", counted(*of, "release", "releases"));
                self.search(&what, u32::try_from(*left).unwrap_or(u32::MAX));
            }
            Event::Search { checks, .. } => self.search(&search_line(event), *checks),
            Event::Note { text } => terminal::note(text),
            Event::Warning { text } => terminal::warning(text),
            Event::Failed { message, hint, .. } => terminal::error(message, hint.as_deref()),
            Event::SessionStarted(opening) => bisect::opening(opening),
            Event::LoginLent { .. }
            | Event::LoginRenewing { .. }
            | Event::LoginsCompared { .. } => {
                login::show(event);
            }
            _ => {
                if let Some(line) = apply::line(event) {
                    terminal::say(&line);
                }
            }
        }
    }

    fn search(&mut self, what: &str, checks: u32) {
        let checks_left = counted(checks as usize, "check", "checks");
        let Some(bars) = self.bars() else {
            terminal::say(&format!("{what}, about {checks_left} to go"));
            return;
        };
        let bar = self.search.get_or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(1));
            let style = ProgressStyle::with_template("{bar:24.cyan/dim} {msg}  {elapsed:.dim}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        bar.set_length(self.done + u64::from(checks));
        bar.set_position(self.done);
        bar.set_message(format!("{what}, about {checks_left} to go"));
    }

    /// The bars, where a person looks. They begin with the first event that has one,
    /// so that what a command says before it stands above them.
    fn bars(&mut self) -> Option<MultiProgress> {
        if self.bars.is_none() && terminal::is_watched() {
            self.bars = Some(terminal::begin_bars());
        }
        self.bars.clone()
    }

    fn clear(&mut self, core: Version) {
        if let Some(bar) = self.installs.remove(&core) {
            bar.finish_and_clear();
        }
    }
}

fn spinner(bars: &MultiProgress, message: &str) -> ProgressBar {
    // Added before it ticks: a bar that ticks alone draws over the others.
    let bar = bars.add(ProgressBar::new_spinner());
    let style = ProgressStyle::with_template("{spinner:.cyan} {msg}  {elapsed:.dim}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_message(visible::line(message).into_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Where the search is.
fn search_line(event: &Event) -> String {
    let Event::Search { last_good, first_bad, left, verified, confidence, .. } = event else {
        return String::new();
    };
    match confidence {
        Some(chance) => format!(
            "after {last_good}, not after {first_bad}: {}, the likeliest answer {:.0} % sure",
            counted(*left + 1, "possible release", "possible releases"),
            (chance * 100.0).floor()
        ),
        None if *verified => {
            format!(
                "between {last_good} and {first_bad}: {}",
                counted(*left, "candidate", "candidates")
            )
        }
        None => format!("verifying the ends {last_good} and {first_bad}"),
    }
}

/// What a check has cost: its time, or none, where it was made before.
fn cost(elapsed_ms: u64, known_since: Option<Timestamp>) -> String {
    match known_since {
        Some(at) => format!("asked {}", minute(at)),
        None => duration(Duration::from_millis(elapsed_ms)),
    }
}

fn verdict_line(core: Version, verdict: &Verdict, elapsed: &str, purpose: Purpose) -> String {
    let again = match purpose {
        Purpose::Search | Purpose::Pause => "",
        Purpose::Surprise => "; a new failure, asking once more",
        Purpose::Controlled => "; asking the last good one again",
        Purpose::Another => "; not the failure that is looked for",
        Purpose::Control => "  control",
    };
    match verdict {
        Verdict::Good => format!("{}  {core:<16} {elapsed}{again}", "good".green().bold()),
        Verdict::Bad { failure } => {
            let word = "bad ".red().bold();
            format!(
                "{word}  {core:<16} {elapsed}  {}: {}{again}",
                failure.key(),
                brief(&failure.evidence.text)
            )
        }
        Verdict::Skip { reason } => {
            format!("{}  {core:<16} {reason}", "skip".yellow().bold())
        }
    }
}
