//! Text that others wrote reaches no terminal as more than text.

use serde_json::json;

use crate::agent;
use crate::machine::Machine;

/// A colour, a title, a link, C1, and characters that turn or hide what is written.
const HOSTILE: &str = "\u{1b}[31mred\u{1b}[39m\u{1b}]0;title\u{7}\u{1b}]8;;http://x\u{1b}\\\u{9b}2J\u{202e}lru\u{2066}\u{200b}\r";

/// Everything that a terminal or an eye would obey, but codexpin's own colours.
fn obeyed(text: &str) -> Vec<char> {
    let own = ["1", "2", "22", "31", "32", "33", "36", "39"];
    let mut plain = text.to_owned();
    for code in own {
        plain = plain.replace(&format!("\u{1b}[{code}m"), "");
    }
    let hidden = |c: &char| {
        c.is_control() && *c != '\n' || matches!(c, '\u{200b}' | '\u{202e}' | '\u{2066}')
    };
    plain.chars().filter(hidden).collect()
}

#[test]
fn pins_releases_failures_and_logs_reach_the_terminal_as_visible_text() {
    let machine = Machine::new();
    machine.registry.publish_core("2026.6.20", json!({"deprecated": HOSTILE}));
    machine.registry.script("2026.6.1", [agent::fails(&format!("Unknown model: {HOSTILE}x"))]);
    fs_err::write(machine.work().join("gateway.log"), format!("Unknown model: {HOSTILE}\n"))
        .unwrap();
    let pins = machine.work().join("pins.toml");
    let quoted = serde_json::to_string(HOSTILE).unwrap();
    let escaped = quoted.replace('\u{9b}', "\\u009b");
    fs_err::write(
        pins,
        format!(
            "format = 1\ncurrent = \"2026.5.18\"\n[[pin]]\ncore = \"2026.5.18\"\nnode = {escaped}\n\
             route = {escaped}\nupstream = \"x\"\ntested = \"2026-11-21T08:00:00Z\"\npassed = 1\n\
             checks = 1\n[pin.first_bad]\ncore = \"2026.6.1\"\nsignature = {escaped}\nevidence = {escaped}\n"
        ),
    )
    .unwrap();
    for words in [
        "pins --pin-file pins.toml",
        "pins --pin-file pins.toml --json",
        "apply --pin-file pins.toml",
        "releases 2026.6.1..",
        "releases 2026.6.1.. --json",
        "check 2026.6.1",
        "check 2026.6.1 --json-lines",
        "diagnose gateway.log",
        "diagnose gateway.log --json",
    ] {
        let words_of: Vec<_> = words.split(' ').collect();
        let run = machine.start_with(&words_of, &[("CLICOLOR_FORCE", "1")]);
        let run = run.finish_in_colour(std::time::Duration::from_mins(2));
        let both = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(obeyed(&both), [] as [char; 0], "{words}: {both:?}");
        if !words.starts_with("apply") {
            let shown = both.contains(r"\u{202e}lru") || both.contains(r"\u202elru");
            assert!(shown, "{words}: {both}");
            assert!(!both.contains("\u{1b}[31mred"), "{words}: {both}");
        }
    }
}
