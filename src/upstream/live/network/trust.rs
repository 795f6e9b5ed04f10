//! The authorities that the user's machine trusts.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::NetworkError;
use crate::env::Environment;

/// What OpenSSL and Node trust: `SSL_CERT_FILE` and `SSL_CERT_DIR` instead of the
/// system's authorities, `NODE_EXTRA_CA_CERTS` besides them.
pub(super) fn trusting(environment: &Environment) -> Result<ClientConfig, NetworkError> {
    let path = |name| environment.get(name).map(Path::new);
    let mut roots = RootCertStore::empty();
    let usual = match (path("SSL_CERT_FILE"), path("SSL_CERT_DIR")) {
        (None, None) => rustls_native_certs::load_native_certs(),
        (file, directory) => rustls_native_certs::load_certs_from_paths(file, directory),
    };
    roots.add_parsable_certificates(usual.certs);
    // As Node does, which warns and goes on if it cannot read the file.
    if let Some(pem) = path("NODE_EXTRA_CA_CERTS").and_then(|path| fs_err::read(path).ok()) {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| NetworkError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // WebSockets need HTTP/1.1, and it is what the candidate speaks here.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}
