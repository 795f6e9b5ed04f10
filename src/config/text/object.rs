//! Where the members of an object are in the text of a JSON5 file, comments and all. No
//! library for JSON5 keeps them; what is written with it is parsed by one and compared.

use std::ops::Range;

use crate::config::source;

/// A member of an object in the text.
pub(super) struct MemberText {
    pub(super) name: String,
    key: Range<usize>,
    pub(super) value: Range<usize>,
    /// Where the comma behind it is.
    comma: Option<usize>,
}

/// An object in the text.
pub(super) struct ObjectText {
    open: usize,
    pub(super) members: Vec<MemberText>,
    /// Where comments of the kind that the end of the line ends have theirs.
    comment_ends: Vec<usize>,
}

impl ObjectText {
    /// The one that a whole file is.
    pub(super) fn outermost(text: &str) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        scanner.space();
        scanner.object()
    }

    /// The one that begins at this byte.
    pub(super) fn at(text: &str, open: usize) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        scanner.at = open;
        scanner.object()
    }

    /// The last of a name is the one that counts.
    pub(super) fn member(&self, name: &str) -> Option<&MemberText> {
        self.members.iter().rfind(|member| member.name == name)
    }

    /// With a new first member. Behind an opening line that has at most a comment it gets
    /// a line of its own.
    pub(super) fn with_first(&self, text: &str, member: &str) -> String {
        let inside = self.open + 1;
        let comma = if self.members.is_empty() { "" } else { "," };
        let put = |at: usize, new: String| format!("{}{new}{}", &text[..at], &text[at..]);
        let Some(line) = text[inside..].find('\n').map(|length| inside + length) else {
            let space = if text[inside..].starts_with(' ') { " " } else { "" };
            return put(inside, format!("{space}{member}{comma}"));
        };
        let first = self.members.first().map_or(usize::MAX, |member| member.key.start);
        let head = text[inside..line].trim();
        let has_comment = head.starts_with("//") || head.starts_with("/*") && head.ends_with("*/");
        if first < line || !(head.is_empty() || has_comment) {
            let space = if text[inside..].starts_with(' ') { " " } else { "" };
            return put(inside, format!("{space}{member}{comma}"));
        }
        let next = &text[line + 1..];
        let indent = &next[..next.len() - next.trim_start_matches([' ', '\t']).len()];
        let more = if self.members.is_empty() { "  " } else { "" };
        let (at, end) =
            if text[..line].ends_with('\r') { (line - 1, "\r\n") } else { (line, "\n") };
        put(at, format!("{end}{indent}{more}{member}{comma}"))
    }

    /// Without one member, the comma that goes with it, and the space before it.
    pub(super) fn without(&self, text: &str, index: usize) -> String {
        let member = &self.members[index];
        let start = text[..member.key.start].trim_end().len();
        let (mut before, after) = (text[..start].to_owned(), &text[member.value.end..]);
        let after = match (member.comma, index.checked_sub(1)) {
            (Some(comma), _) => {
                format!("{}{}", &text[member.value.end..comma], &text[comma + 1..])
            }
            (None, Some(earlier)) => {
                if let Some(comma) = self.members[earlier].comma {
                    before.remove(comma);
                }
                after.to_owned()
            }
            (None, None) => after.to_owned(),
        };
        let is_behind_comment = self.comment_ends.contains(&start);
        if is_behind_comment && !after.starts_with(['\n', '\r']) {
            before.push('\n');
        }
        before + &after
    }
}

/// Finds where things begin and end in a text that is known to be JSON5.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    comment_ends: Vec<usize>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, comment_ends: Vec::new() }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn takes(&mut self, token: char) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len_utf8() } else { 0 };
        found
    }

    /// White space and comments.
    fn space(&mut self) {
        loop {
            let rest = self.rest();
            let solid = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            self.at += rest.len() - solid.len();
            if solid.starts_with("//") {
                self.at += solid.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(solid.len());
                self.comment_ends.push(self.at);
            } else if solid.starts_with("/*") {
                self.at += solid.find("*/").map_or(solid.len(), |end| end + 2);
            } else {
                return;
            }
        }
    }

    fn object(&mut self) -> Option<ObjectText> {
        let open = self.at;
        if !self.takes('{') {
            return None;
        }
        let mut members = Vec::new();
        loop {
            self.space();
            if self.takes('}') {
                let comment_ends = std::mem::take(&mut self.comment_ends);
                return Some(ObjectText { open, members, comment_ends });
            }
            let key = self.key()?;
            let name = name_of(&self.text[key.clone()])?;
            self.space();
            if !self.takes(':') {
                return None;
            }
            self.space();
            let value = self.value()?;
            self.space();
            let comma = self.at;
            let comma = self.takes(',').then_some(comma);
            members.push(MemberText { name, key, value, comma });
        }
    }

    fn key(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if self.rest().starts_with(['"', '\'']) {
            self.string()?;
        } else {
            let ends = |c: char| c.is_whitespace() || c == ':' || c == '/';
            self.at += self.rest().find(ends)?;
        }
        (self.at > start).then_some(start..self.at)
    }

    fn value(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        match self.rest().chars().next()? {
            '{' => drop(self.object()?),
            '[' => self.list()?,
            '"' | '\'' => self.string()?,
            _ => {
                let ends = |c: char| c.is_whitespace() || [',', '}', ']', '/'].contains(&c);
                self.at += self.rest().find(ends).unwrap_or(self.rest().len());
            }
        }
        (self.at > start).then_some(start..self.at)
    }

    fn list(&mut self) -> Option<()> {
        self.takes('[');
        loop {
            self.space();
            if self.takes(']') {
                return Some(());
            }
            self.value()?;
            self.space();
            self.takes(',');
        }
    }

    fn string(&mut self) -> Option<()> {
        let mut characters = self.rest().char_indices();
        let (_, quote) = characters.next()?;
        while let Some((at, c)) = characters.next() {
            if c == '\\' {
                characters.next();
            } else if c == quote {
                self.at += at + c.len_utf8();
                return Some(());
            }
        }
        None
    }
}

/// The name that a key stands for, escapes and all.
fn name_of(key: &str) -> Option<String> {
    let tree = source::parse("".into(), &format!("{{{key}:0}}")).ok()?;
    tree.as_object()?.keys().next().cloned()
}
