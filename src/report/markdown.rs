//! Markdown in which nothing that is quoted can be taken for more than a text.

use crate::visible;

/// How much of a line is quoted. Characters.
const LONGEST: usize = 300;

/// The lines in a fence that none of them can close.
pub(super) fn fence(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

/// A piece of code within a sentence.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", shortened(text).replace('`', "'"))
}

/// The beginning of a long line.
pub(super) fn shortened(line: &str) -> String {
    let line = visible::line(line.trim_end_matches('\r'));
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

/// A table. A bar ends a cell even in code, unless it is escaped.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut lines = vec![head.join(" | "), ["---"; N].join(" | ")];
    let escaped = |cell: &String| cell.replace('|', "\\|");
    lines.extend(rows.iter().map(|row| row.each_ref().map(escaped).join(" | ")));
    lines.iter().fold(String::new(), |text, line| text + "| " + line + " |\n")
}

/// A list; lines that begin as its items do stand under the one before.
pub(super) fn list(lines: &[String]) -> String {
    let item = |line: &String| {
        if line.starts_with("- ") { format!("  {line}") } else { format!("- {line}") }
    };
    lines.iter().map(item).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_a_list_in_a_list_stands_under_its_line() {
        let lines = ["two entries:", "- one", "- another", "commit a..b"].map(str::to_owned);
        assert_eq!(list(&lines), "- two entries:\n  - one\n  - another\n- commit a..b");
    }

    #[test]
    fn no_quoted_line_ends_its_fence_or_its_cell() {
        let text = fence("text", "a\n```\n````html\n");
        assert_eq!(text, "`````text\na\n```\n````html\n`````\n");
        assert_eq!(code("a `b` | c\u{202e}\r"), "`a 'b' | c\\u{202e}`");
        assert_eq!(
            table(["a", "b"], &[["1".into(), "2 | 3".into()]]),
            "| a | b |\n| --- | --- |\n| 1 | 2 \\| 3 |\n"
        );
    }
}
