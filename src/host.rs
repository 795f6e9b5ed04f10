//! A host and a port: as a URL, a `CONNECT` or a person names them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// The port where none is named: that of HTTPS.
const USUAL_PORT: u16 = 443;

/// A host and a port. As text `example.org:443`, an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPort {
    /// The host, in lower case and without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The text names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host: it is written `example.org` or `example.org:8443`")]
pub struct ParseHostPortError(String);

impl HostPort {
    /// Of a host as it is written anywhere.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.trim_matches(['[', ']']).to_ascii_lowercase(), port }
    }

    /// Where a URL leads to; none where it names no host.
    pub fn of(url: &Url) -> Option<Self> {
        Some(Self::new(url.host_str()?, url.port_or_known_default()?))
    }
}

impl FromStr for HostPort {
    type Err = ParseHostPortError;

    fn from_str(text: &str) -> Result<Self, ParseHostPortError> {
        let no_host = || ParseHostPortError(text.to_owned());
        // A URL's own parser says what is a host. What else a URL may have is none.
        let url = Url::parse(&format!("https://{text}")).map_err(|_| no_host())?;
        let only_host = url.path() == "/"
            && !text.contains(['/', '@', '?', '#', '\\'])
            && !text.trim().is_empty();
        let host = url.host_str().filter(|_| only_host).ok_or_else(no_host)?;
        Ok(Self::new(host, url.port().unwrap_or(USUAL_PORT)))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl TryFrom<String> for HostPort {
    type Error = ParseHostPortError;

    fn try_from(text: String) -> Result<Self, ParseHostPortError> {
        text.parse()
    }
}

impl From<HostPort> for String {
    fn from(place: HostPort) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_as_it_is_shown() {
        for (text, shown) in [
            ("Example.org", "example.org:443"),
            ("example.org:80", "example.org:80"),
            ("127.0.0.1:8443", "127.0.0.1:8443"),
            ("[::1]:80", "[::1]:80"),
        ] {
            let place: HostPort = text.parse().unwrap();
            assert_eq!(place.to_string(), shown);
            assert_eq!(shown.parse(), Ok(place));
        }
        for wrong in
            ["", " ", "https://example.org", "a/b", "user@host", "host?q", ":80", "h:99999"]
        {
            assert!(wrong.parse::<HostPort>().is_err(), "{wrong}");
        }
    }
}
