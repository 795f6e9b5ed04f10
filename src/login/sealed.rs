//! The sealed logins of 2026.5.12 (`agents/auth-profiles/persisted.ts`): the
//! profile in `auth-profiles.json` has an `oauthRef` in place of its tokens, and
//! they are in `credentials/auth-profiles/<id>.json`, AES-256-GCM with the
//! SHA-256 of `openclaw:auth-profile-oauth:<seed>` as the key and
//! `<id>\0<profile>\0<provider>` as the additional data.
//!
//! The seed is `OPENCLAW_AUTH_PROFILE_SECRET_KEY`, else on macOS the keychain's
//! `OpenClaw Auth Profile Secrets`, else 32 random bytes as text in
//! `~/.config/openclaw/auth-profile-secret-key`. The code of 2026.5.18 and
//! the doctors after it open this format and go on without it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::{Utf8Path, Utf8PathBuf};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{LoginError, Place};
use crate::fs::read_private;
use crate::secret::Secret;

/// What a profile has in place of its tokens.
#[derive(Debug, Deserialize)]
pub(super) struct Reference {
    source: String,
    id: String,
}

impl Reference {
    /// The file that it names; none where it names something else.
    pub(super) fn file(&self, place: &Place) -> Option<Utf8PathBuf> {
        let hex = self.id.len() == 32 && self.id.bytes().all(|b| b.is_ascii_hexdigit());
        (self.source == "openclaw-credentials" && hex)
            .then(|| place.sealed().join(format!("{}.json", self.id)))
    }
}

#[derive(Deserialize)]
struct Envelope {
    encrypted: AesGcmTokens,
}

#[derive(Deserialize)]
struct AesGcmTokens {
    algorithm: String,
    iv: String,
    tag: String,
    ciphertext: String,
}

/// The JSON with the tokens of a sealed login.
pub(super) fn open(
    reference: &Reference,
    file: &Utf8Path,
    profile: &str,
    provider: &str,
    place: &Place,
) -> Result<Zeroizing<Vec<u8>>, LoginError> {
    let malformed = || LoginError::Malformed { path: file.to_owned() };
    let content = read_private(file).map_err(|source| LoginError::io(file, source))?;
    let envelope: Envelope = serde_json::from_slice(&content).map_err(|_| malformed())?;
    let AesGcmTokens { algorithm, iv, tag, ciphertext } = envelope.encrypted;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
    let nonce = Nonce::try_assume_unique_for_key(&bytes(&iv)?).map_err(|_| malformed())?;
    if algorithm != "aes-256-gcm" {
        return Err(malformed());
    }
    let seed = seed(file, place)?;
    let mut text = Zeroizing::new(bytes(&ciphertext)?);
    text.extend(bytes(&tag)?);
    let aad = Aad::from(format!("{}\0{profile}\0{provider}", reference.id));
    let wrong = |_| LoginError::WrongKey { path: file.to_owned() };
    let length = key(&seed).open_in_place(nonce, aad, &mut text).map_err(wrong)?.len();
    text.truncate(length);
    Ok(text)
}

fn seed(file: &Utf8Path, place: &Place) -> Result<Secret, LoginError> {
    if let Some(seed) = &place.seed {
        return Ok(Secret::new(seed.reveal().trim()));
    }
    let path = place.key_file();
    let missing = || LoginError::NoKey { path: file.to_owned(), key: path.clone() };
    let content = match read_private(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
        content => content.map_err(|source| LoginError::io(&path, source))?,
    };
    let text = std::str::from_utf8(&content).unwrap_or_default().trim();
    if text.is_empty() { Err(missing()) } else { Ok(Secret::new(text)) }
}

fn key(seed: &Secret) -> LessSafeKey {
    let digest = Sha256::new()
        .chain_update("openclaw:auth-profile-oauth:")
        .chain_update(seed.reveal())
        .finalize();
    #[expect(clippy::expect_used, reason = "a SHA-256 has the length of the key")]
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &digest).expect("32 bytes"))
}
