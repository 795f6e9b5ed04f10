//! Which certificates a registry may show.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::RegistryError;
use crate::npm::config::NpmConfig;

/// npm trusts `ca` or `cafile` alone where one is set, and otherwise what Node
/// trusts: the usual authorities, here the system's, with `NODE_EXTRA_CA_CERTS`.
pub(super) fn client_config(config: &NpmConfig) -> Result<ClientConfig, RegistryError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| RegistryError::Client { why: error.to_string() })?;
    let mut tls = if config.strict_ssl() {
        builder.with_root_certificates(roots(config)?).with_no_client_auth()
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth()
    };
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tls)
}

fn roots(config: &NpmConfig) -> Result<RootCertStore, RegistryError> {
    let mut roots = RootCertStore::empty();
    if let Some(authorities) = config.authorities()? {
        add(&mut roots, &authorities.pem, &authorities.origin.to_string())?;
        return Ok(roots);
    }
    // Single certificates that the system has and rustls does not take are no matter.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = config.extra_authorities() {
        // Node warns and goes on without a file that it cannot read.
        if let Ok(pem) = fs_err::read(&path) {
            add(&mut roots, &pem, &format!("NODE_EXTRA_CA_CERTS ({path})"))?;
        }
    }
    Ok(roots)
}

fn add(roots: &mut RootCertStore, pem: &[u8], origin: &str) -> Result<(), RegistryError> {
    let wrong = |why: String| RegistryError::Certificates { origin: origin.to_owned(), why };
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 { Err(wrong("there is no certificate in it".to_owned())) } else { Ok(()) }
}

/// `strict-ssl=false`: any certificate will do.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
