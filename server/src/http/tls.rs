//! TLS for a server that stands on the network by itself: rustls with ring, certificate chain and key from PEM files.

use axum_server::tls_rustls::RustlsConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}; check --tls-cert and --tls-key", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("{} holds no {expected} in PEM (`-----BEGIN …-----`): {detail}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What the parser said.
        detail: String,
    },
    /// The key is another certificate's.
    #[error("the key in {} does not belong to the first certificate in {}; is it the server's own certificate that stands first?", key.display(), certificate.display())]
    Mismatch {
        /// The certificates' file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// rustls does not take them.
    #[error("certificate and key cannot be used: {0}")]
    Refused(#[from] rustls::Error),
}

/// A server's certificate and key, checked against each other.
#[derive(Clone, Debug)]
pub struct Tls(RustlsConfig);

impl Tls {
    /// Reads a certificate chain (the server's own first) and its key. TLS 1.2 and 1.3; HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let wrong = |path: &Path, expected| {
            let path = path.to_owned();
            move |error| match error {
                pem::Error::Io(source) => TlsError::Io { path: path.clone(), source },
                other => TlsError::Pem { path: path.clone(), expected, detail: other.to_string() },
            }
        };
        let bad = wrong(certificate, "certificate");
        let chain = CertificateDer::pem_file_iter(certificate).map_err(&bad)?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(&bad)?;
        if chain.is_empty() {
            return Err(bad(pem::Error::NoItemsFound));
        }
        let secret = PrivateKeyDer::from_pem_file(key).map_err(wrong(key, "private key"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, secret)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    TlsError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
                }
                other => TlsError::Refused(other),
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(RustlsConfig::from_config(Arc::new(config))))
    }

    /// For the listener.
    pub(crate) fn into_config(self) -> RustlsConfig {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    fn made() -> CertifiedKey<rcgen::KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    #[test]
    fn missing_mixed_and_mismatched_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (a, b) = (made(), made());
        let certificate = write("a.crt", &a.cert.pem());
        let key = write("a.key", &a.signing_key.serialize_pem());
        let foreign = write("b.key", &b.signing_key.serialize_pem());
        assert!(Tls::load(&certificate, &key).is_ok());
        let nowhere = folder.path().join("none.crt");
        assert!(matches!(Tls::load(&nowhere, &key), Err(TlsError::Io { path, .. }) if path == nowhere));
        assert!(matches!(Tls::load(&certificate, &nowhere), Err(TlsError::Io { path, .. }) if path == nowhere));
        assert!(matches!(Tls::load(&certificate, &foreign), Err(TlsError::Mismatch { .. })));
        assert!(matches!(Tls::load(&key, &certificate), Err(TlsError::Pem { expected: "certificate", .. })));
        assert!(matches!(Tls::load(&certificate, &certificate), Err(TlsError::Pem { expected: "private key", .. })));
        let cut = write("cut.crt", &a.cert.pem()[..200]);
        assert!(matches!(Tls::load(&cut, &key), Err(TlsError::Pem { .. })));
    }
}
