//! A systemd unit file, as far as it says which program runs with which
//! environment. Syntax: systemd.syntax(7), quoting and prefixes: systemd.service(5).

use camino::{Utf8Path, Utf8PathBuf};

use crate::env::Environment;

/// What a unit file, with its drop-ins, says about the program that it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UnitText {
    /// The words of `ExecStart=`.
    pub(super) command: Vec<String>,
    /// `Environment=`.
    pub(super) environment: Environment,
    /// `EnvironmentFile=`.
    pub(super) environment_files: Vec<EnvironmentFile>,
}

/// A file with variables of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentFile {
    /// The file.
    pub path: Utf8PathBuf,
    /// Whether the service starts without it (`-` before the name).
    pub optional: bool,
}

impl UnitText {
    /// Reads the unit and then its drop-ins, in that order: an empty
    /// assignment takes back what stood before it.
    pub(super) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>, home: &Utf8Path) -> Self {
        let mut unit = Self::default();
        for text in texts {
            let joined = text.replace("\\\n", " ");
            let mut in_service = false;
            for line in joined.lines().map(str::trim) {
                if line.starts_with('[') {
                    in_service = line == "[Service]";
                } else if in_service && !line.starts_with(['#', ';']) {
                    unit.take(line, home);
                }
            }
        }
        unit
    }

    fn take(&mut self, line: &str, home: &Utf8Path) {
        let Some((key, value)) = line.split_once('=') else { return };
        let words: Vec<_> = words(value).into_iter().map(|word| specifiers(&word, home)).collect();
        match key.trim() {
            "ExecStart" => {
                self.command = words;
                if let Some(first) = self.command.first_mut() {
                    *first = first.trim_start_matches(['@', '-', ':', '+', '!']).to_owned();
                }
            }
            "Environment" if words.is_empty() => self.environment = Environment::default(),
            "Environment" => {
                for (name, value) in words.iter().filter_map(|word| word.split_once('=')) {
                    self.environment = self.environment.clone().with(name, value);
                }
            }
            "EnvironmentFile" => match words.first() {
                None => self.environment_files.clear(),
                Some(file) => self.environment_files.push(EnvironmentFile {
                    path: file.trim_start_matches('-').into(),
                    optional: file.starts_with('-'),
                }),
            },
            _ => {}
        }
    }

    /// Adds the variables of an environment file; they win over `Environment=`.
    pub(super) fn add_environment_file(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|l| !l.starts_with(['#', ';'])) {
            if let Some((name, value)) = line.split_once('=') {
                let value = value.trim().trim_matches(['"', '\'']);
                self.environment = self.environment.clone().with(name.trim(), value);
            }
        }
    }

    /// The Gateway's port: `--port` wins over `OPENCLAW_GATEWAY_PORT`, as in
    /// `OpenClaw` itself (docs/gateway of the release).
    pub(super) fn port(&self) -> Option<u16> {
        let mut words = self.command.iter();
        while let Some(word) = words.next() {
            let value = match word.strip_prefix("--port") {
                Some("") => words.next().map(String::as_str),
                Some(rest) => rest.strip_prefix('='),
                None => continue,
            };
            if let Some(port) = value.and_then(|value| value.parse().ok()) {
                return Some(port);
            }
        }
        self.environment.get("OPENCLAW_GATEWAY_PORT")?.parse().ok()
    }
}

/// Splits at blanks; double or single quotes hold together, a backslash escapes.
fn words(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => found.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    found
}

/// `%h` and `%%`; the others do not stand in the paths that are read here.
fn specifiers(word: &str, home: &Utf8Path) -> String {
    word.replace("%h", home.as_str()).replace("%%", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openclaw gateway install` of 2026.7.1 wrote it; names made neutral.
    const REAL: &str = include_str!("fixtures/openclaw-gateway.service");

    fn parse(texts: &[&str]) -> UnitText {
        UnitText::parse(texts.iter().copied(), Utf8Path::new("/home/user"))
    }

    #[test]
    fn the_unit_that_openclaw_writes_tells_its_node_entry_port_and_home() {
        let unit = parse(&[REAL]);
        assert_eq!(
            unit.command,
            [
                "/opt/node/bin/node",
                "/home/user/.npm-global/lib/node_modules/openclaw/dist/index.js",
                "gateway",
                "--port",
                "18999"
            ]
        );
        assert_eq!(unit.environment.get("HOME"), Some("/home/user"));
        assert_eq!(unit.environment.get("OPENCLAW_WINDOWS_TASK_NAME"), Some("OpenClaw Gateway"));
        assert_eq!(unit.port(), Some(18999));
    }

    #[test]
    fn a_drop_in_takes_back_and_replaces() {
        let drop_in = "[Service]\nExecStart=\nExecStart=-/usr/bin/node \\\n  '/a b/x.js' gateway\n\
                       Environment=\nEnvironment=\"OPENCLAW_STATE_DIR=%h/claw state\" A=1\n";
        let unit = parse(&[REAL, drop_in]);
        assert_eq!(unit.command, ["/usr/bin/node", "/a b/x.js", "gateway"]);
        assert_eq!(unit.environment.get("OPENCLAW_STATE_DIR"), Some("/home/user/claw state"));
        assert_eq!(unit.environment.all().len(), 2);
        assert_eq!(unit.port(), None);
    }

    #[test]
    fn a_port_on_the_command_line_wins_over_the_environment() {
        let with = |command: &str| {
            parse(&[&format!(
                "[Service]\nExecStart={command}\nEnvironment=OPENCLAW_GATEWAY_PORT=7\n"
            )])
            .port()
        };
        assert_eq!(with("node x gateway --port=8"), Some(8));
        assert_eq!(with("node x gateway --port 9"), Some(9));
        assert_eq!(with("node x gateway"), Some(7));
    }
}
