//! Content encodings taken off, within a limit.

use std::io::Read;

use bytes::Bytes;

/// Most bytes of a request body, as sent and once decoded: far more than a
/// probe's turn needs, and little enough to hold in memory.
pub(super) const LARGEST_BODY: usize = 64 << 20;

/// Why a body could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeError {
    TooLarge,
    Unreadable(&'static str),
}

/// Takes off the content encoding. Codex CLI can compress its requests.
pub(super) fn decoded(
    encoding: Option<&[u8]>,
    bytes: Bytes,
    limit: usize,
) -> Result<Bytes, DecodeError> {
    let encoding = encoding.unwrap_or_default().to_ascii_lowercase();
    let broken = |_| DecodeError::Unreadable("compressed body is broken");
    match encoding.as_slice() {
        b"" | b"identity" => Ok(bytes),
        b"gzip" | b"x-gzip" => all(flate2::read::MultiGzDecoder::new(&bytes[..]), limit),
        b"deflate" => all(flate2::read::ZlibDecoder::new(&bytes[..]), limit),
        b"zstd" => all(ruzstd::decoding::StreamingDecoder::new(&bytes[..]).map_err(broken)?, limit),
        _ => Err(DecodeError::Unreadable("unknown content-encoding")),
    }
}

fn all(decoder: impl Read, limit: usize) -> Result<Bytes, DecodeError> {
    let mut content = Vec::new();
    match decoder.take(limit as u64 + 1).read_to_end(&mut content) {
        Ok(length) if length > limit => Err(DecodeError::TooLarge),
        Ok(_) => Ok(content.into()),
        Err(_) => Err(DecodeError::Unreadable("compressed body is broken")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &[u8] = b"{\"model\": \"gpt-5.5\", \"input\": \"Reply exactly: OK\"}";

    fn encoded(encoding: &str, content: &[u8]) -> Bytes {
        let level = flate2::Compression::default();
        match encoding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap().into()
            }
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap().into()
            }
            "zstd" => ruzstd::encoding::compress_to_vec(
                content,
                ruzstd::encoding::CompressionLevel::Fastest,
            )
            .into(),
            _ => Bytes::copy_from_slice(content),
        }
    }

    #[test]
    fn every_encoding_that_a_client_may_use_is_taken_off() {
        for encoding in ["identity", "gzip", "deflate", "zstd"] {
            let body = encoded(encoding, TEXT);
            assert_eq!(
                decoded(Some(encoding.as_bytes()), body, 1 << 20).unwrap(),
                TEXT,
                "{encoding}"
            );
        }
        assert_eq!(decoded(None, Bytes::from_static(TEXT), 1 << 20).unwrap(), TEXT);
    }

    #[test]
    fn a_small_body_that_grows_beyond_the_limit_is_stopped() {
        for encoding in ["gzip", "deflate", "zstd"] {
            let bomb = encoded(encoding, &vec![0; 1 << 20]);
            assert!(bomb.len() < 64 << 10, "{encoding}");
            let refused = decoded(Some(encoding.as_bytes()), bomb, 64 << 10).unwrap_err();
            assert_eq!(refused, DecodeError::TooLarge, "{encoding}");
        }
    }

    #[test]
    fn a_broken_or_unknown_encoding_is_no_request() {
        for encoding in ["gzip", "deflate", "zstd", "br", "gzip, zstd"] {
            let refused = decoded(Some(encoding.as_bytes()), Bytes::from_static(TEXT), 1 << 20);
            assert!(matches!(refused, Err(DecodeError::Unreadable(_))), "{encoding}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic_or_exceed_the_limit(
            encoding in proptest::sample::select(vec!["gzip", "deflate", "zstd", "identity"]),
            damage in proptest::collection::vec((0_usize..80, proptest::num::u8::ANY), 0..6),
        ) {
            let mut body = encoded(encoding, TEXT).to_vec();
            for (place, byte) in damage {
                if let Some(slot) = body.get_mut(place) {
                    *slot = byte;
                }
            }
            if let Ok(content) = decoded(Some(encoding.as_bytes()), body.into(), 1 << 12) {
                proptest::prop_assert!(content.len() <= 1 << 12);
            }
        }
    }
}
