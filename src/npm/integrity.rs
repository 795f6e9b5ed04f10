//! Hashes as npm writes them: an algorithm and base64, as in "Subresource Integrity".

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};

/// Bytes of a hash, by algorithm. npm takes any other for no hash at all.
const LENGTHS: [(&str, usize); 4] = [("sha512", 64), ("sha384", 48), ("sha256", 32), ("sha1", 20)];

/// Whether it is one hash: a known algorithm with as many bytes as that has.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let Some((algorithm, hash)) = text.split_once('-') else { return false };
    let length = LENGTHS.iter().find(|(name, _)| *name == algorithm);
    length.is_some_and(|(_, bytes)| STANDARD.decode(hash).is_ok_and(|hash| hash.len() == *bytes))
}

/// `dist.shasum`, which is hexadecimal, as a hash of this kind.
pub(crate) fn of_shasum(hexadecimal: &str) -> Option<String> {
    let digits = hexadecimal.as_bytes().chunks(2).map(std::str::from_utf8);
    let bytes: Option<Vec<u8>> =
        digits.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect();
    let text = format!("sha1-{}", STANDARD.encode(bytes?));
    is_well_formed(&text).then_some(text)
}

/// The SHA-512 of some content.
pub(crate) fn of(content: &[u8]) -> String {
    of_hash(&Sha512::digest(content))
}

/// A SHA-512 as npm writes it.
pub(crate) fn of_hash(hash: &[u8]) -> String {
    format!("sha512-{}", STANDARD.encode(hash))
}

/// The hexadecimal digits of a SHA-512; none for another hash.
pub(crate) fn digits(text: &str) -> Option<String> {
    let hash = text.strip_prefix("sha512-").filter(|_| is_well_formed(text))?;
    let bytes = STANDARD.decode(hash).ok()?;
    Some(bytes.iter().fold(String::with_capacity(128), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_a_known_algorithm_and_its_length() {
        for (text, is) in [
            (of(b"x").as_str(), true),
            ("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", true),
            ("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBw==", false),
            ("sha512-2jmj7l5rSw0yVb/vlWAYkK/YBwk=", false),
            ("md5-1B2M2Y8AsgTpgAmY7PhCfg==", false),
            (format!("{} {}", of(b"x"), of(b"y")).as_str(), false),
            ("any", false),
            ("sha512-", false),
            ("", false),
        ] {
            assert_eq!(is_well_formed(text), is, "{text}");
        }
    }

    #[test]
    fn an_old_registrys_checksum_is_a_hash_too() {
        let hash = of_shasum("da39a3ee5e6b4b0d3255bfef95601890afd80709").unwrap();
        assert_eq!(hash, "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
        assert_eq!(of_shasum("da39"), None);
        assert_eq!(of_shasum("da3é"), None);
    }
}
