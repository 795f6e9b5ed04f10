//! codexpin's own colours. A text is painted with marks that only this process can make,
//! and the terminal turns those into colours; every other escape is foreign and is shown
//! as what it is. Nothing has to be cleaned where it is put into a sentence.

use std::fmt::Display;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use crate::visible;

/// Begins a mark: a character that is none in Unicode, and a number that nobody outside
/// knows.
static MARK: LazyLock<String> =
    LazyLock::new(|| format!("\u{fdd0}{:016x}", RandomState::new().hash_one(0)));
/// Ends a mark.
const END: char = '\u{fdd1}';

/// The colours and weights that there are.
pub(super) trait Paint: Display {
    fn bold(&self) -> String {
        painted(self, 1, 22)
    }

    fn dimmed(&self) -> String {
        painted(self, 2, 22)
    }

    fn red(&self) -> String {
        painted(self, 31, 39)
    }

    fn green(&self) -> String {
        painted(self, 32, 39)
    }

    fn yellow(&self) -> String {
        painted(self, 33, 39)
    }

    fn cyan(&self) -> String {
        painted(self, 36, 39)
    }
}

impl<T: Display + ?Sized> Paint for T {}

/// Between two codes of SGR (ECMA-48): the one that begins a look, and the one that ends it.
fn painted(text: &(impl Display + ?Sized), begin: u8, end: u8) -> String {
    let mark = MARK.as_str();
    format!("{mark}{begin}{END}{text}{mark}{end}{END}")
}

/// The text as a terminal may have it: coloured where it was painted, everything else
/// visible.
pub(super) fn rendered(text: &str) -> String {
    let mut pieces = text.split(MARK.as_str());
    let first = pieces.next().unwrap_or_default();
    pieces.fold(visible::text(first).into_owned(), |mut shown, piece| {
        // A mark that was cut off paints nothing.
        let (code, rest) = piece.split_once(END).unwrap_or_default();
        if code.parse::<u8>().is_ok() {
            shown.push_str("\u{1b}[");
            shown.push_str(code);
            shown.push('m');
        }
        shown.push_str(&visible::text(rest));
        shown
    })
}

/// The text without colours.
#[cfg(test)]
pub(super) fn unpainted(text: &str) -> String {
    anstream::adapter::strip_str(&rendered(text)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_painted_here_has_a_colour() {
        let foreign = "\u{1b}[32mgood\u{1b}[39m \u{fdd0}0123456789abcdef32\u{fdd1}";
        let text = format!("{} {foreign}", "bad".red().bold());
        assert_eq!(
            rendered(&text),
            "\u{1b}[1m\u{1b}[31mbad\u{1b}[39m\u{1b}[22m \
             \\x1b[32mgood\\x1b[39m \\u{fdd0}0123456789abcdef32\\u{fdd1}"
        );
        assert_eq!(unpainted(&format!("{}\n{}", "one".bold(), "two".cyan())), "one\ntwo");
    }
}
