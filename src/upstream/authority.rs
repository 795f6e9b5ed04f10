//! The certificate authority of one upstream. Its key is made for the run and
//! stays in memory; only the certificate is ever written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Valid long enough for the longest session, and short of the 398 days beyond
/// which some verifiers refuse a certificate.
const DAYS: i64 = 30;

/// A CA could not be made, or could not sign.
#[derive(Debug, thiserror::Error)]
pub(super) enum AuthorityError {
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// A certificate authority with the TLS configurations that it has made.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    now: Timestamp,
    leaves: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl Authority {
    /// Makes the key and the certificate, valid from a day before `now`.
    pub(super) fn new(now: Timestamp) -> Result<Self, AuthorityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "codexpin loopback");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        valid_around(&mut params, now);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem, now, leaves: Mutex::default() })
    }

    /// The certificate, as PEM.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// How to speak TLS as `host`.
    pub(super) fn speak_for(&self, host: &str) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = leaves.get(host) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.leaf(host)?);
        leaves.insert(host.to_owned(), Arc::clone(&config));
        Ok(config)
    }

    fn leaf(&self, host: &str) -> Result<ServerConfig, AuthorityError> {
        let mut params = CertificateParams::new([host.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid_around(&mut params, self.now);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![CertificateDer::from(certificate)];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn valid_around(params: &mut CertificateParams, now: Timestamp) {
    let day = |days: i64| {
        let moment = now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(now);
        let date = moment.to_zoned(TimeZone::UTC).date();
        // A civil date's month and day are positive by definition.
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (day(-1), day(DAYS));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_gets_its_certificate_once() {
        let authority = Authority::new(Timestamp::now()).unwrap();
        let first = authority.speak_for("chatgpt.com").unwrap();
        let again = authority.speak_for("chatgpt.com").unwrap();
        let other = authority.speak_for("api.openai.com").unwrap();
        assert!(Arc::ptr_eq(&first, &again) && !Arc::ptr_eq(&first, &other));
        assert_eq!(first.alpn_protocols, [b"http/1.1".to_vec()]);
    }

    #[test]
    fn every_run_has_a_key_of_its_own_and_shows_only_its_certificate() {
        let now = Timestamp::now();
        let (one, two) = (Authority::new(now).unwrap(), Authority::new(now).unwrap());
        assert_ne!(one.pem(), two.pem());
        assert!(one.pem().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(!one.pem().contains("PRIVATE"));
    }
}
