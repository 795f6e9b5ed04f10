//! The table of releases.

use jiff::Timestamp;

use super::paint::Paint as _;
use super::{OutputForm, counted, print_if_json, terminal};
use crate::app::releases::{LastAnswer, ListedRelease, PinState, ReleaseTable};
use crate::verdict::Verdict;
use crate::visible;

const HEAD: [&str; 7] = ["RELEASE", "CHANNEL", "PLUGIN", "CODEX CLI", "PUBLISHED", "NODE", "ASKED"];
const CHANNEL: usize = 1;
const CODEX_CLI: usize = 3;
const PUBLISHED: usize = 4;
const NODE: usize = 5;
const ASKED: usize = 6;
/// Between two columns.
const GAP: &str = "  ";

/// Prints it, as a table or as JSON.
pub fn print(table: &ReleaseTable, form: OutputForm) {
    if print_if_json(form, table) {
        return;
    }
    let width = terminal::stdout_width();
    terminal::print(&text(table, width));
    let left_out = self::left_out(table, width);
    if !left_out.is_empty() {
        let names: Vec<_> = left_out.iter().map(|column| HEAD[*column]).collect();
        terminal::note(&format!("{} is left out for the width; --json has all", names.join(", ")));
    }
    let paired = table.releases.iter().filter(|listed| listed.plugin.is_some()).count();
    terminal::say(&format!(
        "{}, {paired} with a plugin",
        counted(table.releases.len(), "release", "releases")
    ));
    if !table.has_plugin {
        terminal::note("this registry has no @openclaw/codex at all");
    }
}

/// The columns that say anything: where no release was ever asked, one does not.
fn columns(table: &ReleaseTable) -> impl Iterator<Item = usize> {
    let anything_asked = table.releases.iter().any(|listed| listed.asked.is_some());
    (0..HEAD.len()).filter(move |column| *column != ASKED || anything_asked)
}

/// The columns that do not fit, in the order in which they are least missed.
fn left_out(table: &ReleaseTable, width: usize) -> Vec<usize> {
    let widths = self::widths(table);
    let mut left_out = Vec::new();
    for column in [NODE, CHANNEL, PUBLISHED, CODEX_CLI] {
        let shown = columns(table).filter(|column| !left_out.contains(column));
        let needed: usize = shown.map(|column| widths[column] + GAP.len()).sum();
        if needed.saturating_sub(GAP.len()) <= width {
            break;
        }
        left_out.push(column);
    }
    left_out
}

fn widths(table: &ReleaseTable) -> [usize; HEAD.len()] {
    let rows: Vec<_> = table.releases.iter().map(row).collect();
    std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([HEAD[column].len()]).max().unwrap_or_default()
    })
}

/// No line is longer than `width`: a remark that does not fit beside its release
/// goes below it.
fn text(table: &ReleaseTable, width: usize) -> String {
    let widths = self::widths(table);
    let left_out = self::left_out(table, width);
    let line = |cells: &[String; HEAD.len()]| {
        let shown = columns(table).filter(|column| !left_out.contains(column));
        let padded = shown.map(|column| format!("{:<1$}", cells[column], widths[column]));
        padded.collect::<Vec<_>>().join(GAP)
    };
    let head = line(&HEAD.map(str::to_owned));
    let mut lines = vec![head.trim_end().bold()];
    for listed in &table.releases {
        let mut text = line(&row(listed));
        let mut below = Vec::new();
        for remark in remarks(listed) {
            let longer = format!("{text}{GAP}{remark}");
            // Once one remark is below, so are the later ones: they keep their order.
            if below.is_empty() && longer.chars().count() <= width {
                text = longer;
            } else {
                below.extend(wrapped(&remark, width));
            }
        }
        let mut rows = vec![text.trim_end().to_owned()];
        rows.extend(below);
        for text in rows {
            lines.push(match listed.pin {
                Some(PinState::Current | PinState::Good) => text.green(),
                Some(PinState::Bad) => text.red(),
                None => text,
            });
        }
    }
    lines.join("\n")
}
/// A remark in lines of its own, indented.
fn wrapped(remark: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in remark.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{GAP}{word}")),
        }
    }
    lines
}

fn remarks(listed: &ListedRelease) -> Vec<String> {
    let shown = |word: &String| visible::line(word).into_owned();
    let mut remarks: Vec<String> = listed.tags.iter().map(shown).collect();
    match listed.pin {
        Some(PinState::Current) => remarks.push("pinned".to_owned()),
        Some(PinState::Good) => remarks.push("known good".to_owned()),
        Some(PinState::Bad) => remarks.push("known bad".to_owned()),
        None => {}
    }
    let short = (!remarks.is_empty()).then(|| remarks.join(", "));
    let word =
        listed.deprecated.as_ref().map(|word| format!("deprecated: {}", visible::line(word)));
    short.into_iter().chain(word).collect()
}

fn row(listed: &ListedRelease) -> [String; HEAD.len()] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        listed.core.to_string(),
        listed.channel.to_string(),
        or_dash(listed.plugin.map(|plugin| plugin.to_string())),
        or_dash(listed.codex_cli.as_ref().map(ToString::to_string)),
        or_dash(listed.published.map(|at| at.strftime("%Y-%m-%d").to_string())),
        or_dash(listed.node.as_deref().map(|node| visible::line(node).into_owned())),
        or_dash(listed.asked.as_ref().map(|asked| last_answer(asked, Timestamp::now()))),
    ]
}

/// `good`, and `bad 3 d` where that was 3 days ago.
fn last_answer(asked: &LastAnswer, now: Timestamp) -> String {
    let word = if asked.verdict == Verdict::Good { "good" } else { "bad" };
    match now.duration_since(asked.at).as_hours() / 24 {
        0 => word.to_owned(),
        days => format!("{word} {days} d"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::paint::unpainted;
    use super::*;
    use crate::release::Version;

    #[test]
    fn the_table_shows_what_pairs_and_what_is_pinned() {
        let listed = |core: &str, plugin: Option<&str>, pin, tags: &[&str]| ListedRelease {
            core: core.parse().unwrap(),
            channel: core.parse::<Version>().unwrap().channel(),
            plugin: plugin.map(|text| text.parse().unwrap()),
            codex_cli: plugin.map(|_| semver::Version::new(0, 154, 0)),
            node: Some(">=22.19.0".to_owned()),
            published: Some("2026-05-18T10:00:00Z".parse().unwrap()),
            deprecated: None,
            asked: None,
            pin,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let table = ReleaseTable {
            releases: vec![
                listed("2026.5.18", None, Some(PinState::Current), &[]),
                listed("2026.6.1", None, Some(PinState::Bad), &[]),
                listed("2026.9.5", Some("2026.9.5"), None, &["latest"]),
            ],
            has_plugin: true,
        };
        insta::assert_snapshot!(unpainted(&text(&table, 80)));
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_is_wide() {
        let release = |core: &str| ListedRelease {
            core: core.parse().unwrap(),
            channel: core.parse::<Version>().unwrap().channel(),
            plugin: Some(core.parse().unwrap()),
            codex_cli: Some(semver::Version::new(0, 154, 0)),
            node: Some("^20.19.0 || ^22.12.0 || >=24.0.0".to_owned()),
            published: Some("2026-05-18T10:00:00Z".parse().unwrap()),
            deprecated: Some(
                "its agent answers nobody: go to the next release, or back".to_owned(),
            ),
            asked: None,
            pin: Some(PinState::Good),
            tags: vec!["latest".to_owned(), "extended-stable".to_owned()],
        };
        let releases = vec![release("2026.12.31-beta.12"), release("2026.12.31")];
        let table = ReleaseTable { releases, has_plugin: true };
        for width in [80, 60, 44] {
            let text = unpainted(&super::text(&table, width));
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                words.contains(
                    "deprecated: its agent answers nobody: go to the next release, or back"
                )
            );
            assert!(words.contains("latest, extended-stable, known good"), "{text}");
        }
        assert_eq!(left_out(&table, 200), [0; 0]);
        assert_eq!(left_out(&table, 80), [NODE]);
    }
}
