//! `.env` of the state directory, from which the Gateway fills in what is not set
//! (docs/help/environment.md).

use camino::Utf8Path;

use crate::env::Environment;

/// An environment with what `.env` of this state directory adds to it.
#[must_use]
pub fn with_dot_env(mut environment: Environment, state: &Utf8Path) -> Environment {
    let text = fs_err::read_to_string(state.join(".env")).map(zeroize::Zeroizing::new);
    for (name, value) in text.iter().flat_map(|text| assignments(text)) {
        if environment.get(name).is_none() {
            environment = environment.with(name, value);
        }
    }
    environment
}

/// `NAME=value` lines, with or without `export`, as dotenv reads them.
fn assignments(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let value = value.trim();
        let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
        let bare = || value.split(" #").next().unwrap_or_default().trim();
        let value = inner('"').or_else(|| inner('\'')).unwrap_or_else(bare);
        (!name.starts_with('#') && !value.is_empty()).then(|| (name.trim(), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_env_is_read_as_dotenv_reads_it() {
        let text = "# A=1\nexport B=two\nC = \"three #3\" \nD=\nE='x'\nF=y # why\nnothing\n";
        let read: Vec<_> = assignments(text).collect();
        assert_eq!(read, [("B", "two"), ("C", "three #3"), ("E", "x"), ("F", "y")]);
    }
}
