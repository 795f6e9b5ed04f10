//! Sizes as people write them: `15GB`, `500 MB`, `0`.

use bytesize::ByteSize;

/// The number of bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    let error =
        |_| format!("`{text}` is no size: expected a number with MB, GB or TB, such as 5GB");
    text.parse::<ByteSize>().map(|size| size.as_u64()).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [("0", 0), ("5GB", 5_000_000_000), ("1.5 mb", 1_500_000), ("12", 12)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "GB", "5 parsecs", "-1GB"] {
            assert!(bytes(text).unwrap_err().contains("is no size"), "{text}");
        }
    }
}
