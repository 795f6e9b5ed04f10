//! Where the tarballs of a package are, in what a registry says of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct TarballVersions<'a> {
    #[serde(borrow)]
    versions: BTreeMap<Cow<'a, str>, &'a RawValue>,
}

#[derive(Deserialize)]
struct TarballVersion<'a> {
    #[serde(borrow)]
    dist: TarballPlace<'a>,
}

#[derive(Deserialize)]
struct TarballPlace<'a> {
    #[serde(borrow)]
    tarball: &'a RawValue,
}

/// The packument with every tarball's address replaced for which `other` has another one;
/// nothing else of it changes. None where nothing is replaced, and for what is no
/// packument.
pub(super) fn replaced(
    packument: &[u8],
    other: impl Fn(&str) -> Option<String>,
) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(packument).ok()?;
    let releases: TarballVersions<'_> = serde_json::from_str(text).ok()?;
    let mut addresses: Vec<&str> = releases
        .versions
        .values()
        .filter_map(|release| serde_json::from_str::<TarballVersion<'_>>(release.get()).ok())
        .map(|release| release.dist.tarball.get())
        .collect();
    // In the order of the text, which is not that of their names.
    addresses.sort_by_key(|address| address.as_ptr());
    let (mut written, mut done) = (Vec::with_capacity(packument.len()), 0);
    for address in addresses {
        let known: Option<Cow<'_, str>> = serde_json::from_str(address).ok();
        let Some(other) = known.and_then(|known| other(&known)) else { continue };
        let at = address.as_ptr().addr() - text.as_ptr().addr();
        written.extend_from_slice(&packument[done..at]);
        written.extend_from_slice(serde_json::Value::String(other).to_string().as_bytes());
        done = at + address.len();
    }
    if done == 0 {
        return None;
    }
    written.extend_from_slice(&packument[done..]);
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_other(packument: &str) -> Option<String> {
        let other = |address: &str| {
            let path = address.strip_prefix("https://known.example/")?;
            Some(format!("http://known.example:443/{path}"))
        };
        let bytes = replaced(packument.as_bytes(), other)?;
        Some(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_addresses_of_known_hosts_are_replaced_and_all_else_stays_byte_by_byte() {
        let packument = r#" {"name" : "x", "versions": {
            "2.0.0": {"dist": {"shasum":"1", "tarball" : "https:\/\/known.example/b.tgz"}},
            "1.0.0": {"dist": {"tarball":"https://known.example/a.tgz"}, "n": 1.50},
            "0.9.0": {"dist": {"tarball":"https://other.example/c.tgz"}},
            "0.8.0": {"dist": "none"}, "0.7.0": 7
        }, "readme": "https://known.example/a.tgz é"} "#;
        let expected = packument
            .replace(r#""https:\/\/known.example/b.tgz""#, r#""http://known.example:443/b.tgz""#)
            .replace(r#":"https://known.example/a.tgz"}"#, r#":"http://known.example:443/a.tgz"}"#);
        assert_ne!(expected, packument);
        assert_eq!(with_other(packument).unwrap(), expected);
    }

    #[test]
    fn what_is_no_packument_stays_as_it_is() {
        for text in
            ["", "{", "[]", r#"{"versions": []}"#, r#"{"error": "versions"}"#, "\u{1f}\u{8b}"]
        {
            assert_eq!(with_other(text), None, "{text}");
        }
    }
}
