//! A line as a strip: one character a release.

use std::fmt;

use super::ScannedRelease;
use crate::release::Version;
use crate::report::history::HistoryWord;
use crate::report::paint::Paint as _;

/// So many releases in a row; with the two versions beside it that is less than 80 columns.
const ROW: usize = 40;

/// A letter for each kind of failure, in the order in which the line shows them. The last
/// one is for all that come after it.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const ANSWERS: char = '+';
const FLAKES: char = '~';
const NOT_JUDGED: char = '?';
const NOT_ASKED: char = '.';

/// A strip and its legend.
#[derive(Debug)]
pub(super) struct Strip {
    releases: Vec<(Version, char)>,
    failures: Vec<String>,
}

impl Strip {
    pub(super) fn of(releases: &[ScannedRelease]) -> Self {
        let mut failures: Vec<String> = Vec::new();
        let mut character = |release: &ScannedRelease| match &release.word {
            _ if release.flakes => FLAKES,
            HistoryWord::Answers => ANSWERS,
            HistoryWord::NotJudged => NOT_JUDGED,
            HistoryWord::NotAsked => NOT_ASKED,
            HistoryWord::Fails { failure, .. } => {
                let known = failures.iter().position(|known| known == failure);
                let at = known.unwrap_or_else(|| {
                    failures.push(failure.clone());
                    failures.len() - 1
                });
                letter(at)
            }
        };
        let releases = releases.iter().map(|release| (release.core, character(release))).collect();
        Self { releases, failures }
    }

    /// What each character that is there means, and how often it is there.
    fn legend(&self) -> Vec<(char, String)> {
        let failures = self.failures.iter().enumerate().map(|(at, key)| (letter(at), key.as_str()));
        let all = [(ANSWERS, "answers")].into_iter().chain(failures).chain([
            (FLAKES, "answers now and then"),
            (NOT_JUDGED, "could not be judged"),
            (NOT_ASKED, "not asked"),
        ]);
        let times = |wanted: char| self.releases.iter().filter(|(_, c)| *c == wanted).count();
        let used = all.filter(|(character, _)| times(*character) > 0);
        used.map(|(character, what)| (character, format!("{what} ({})", times(character))))
            .collect()
    }
}

fn letter(at: usize) -> char {
    LETTERS.chars().nth(at.min(LETTERS.len() - 1)).unwrap_or('Z')
}

fn painted(character: char) -> String {
    match character {
        ANSWERS => character.green(),
        FLAKES | NOT_JUDGED => character.yellow(),
        NOT_ASKED => character.dimmed(),
        _ => character.red(),
    }
}

impl fmt::Display for Strip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in self.releases.chunks(ROW) {
            let strip: String = row.iter().map(|(_, character)| painted(*character)).collect();
            let (first, last) = (row[0].0, row[row.len() - 1].0);
            writeln!(f, "{first:<17} {strip} {last}")?;
        }
        writeln!(f)?;
        for (character, what) in self.legend() {
            writeln!(f, "  {} {what}", painted(character))?;
        }
        Ok(())
    }
}
