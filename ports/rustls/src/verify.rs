//! A refused certificate, in words: what is wrong, what to do.

use std::{borrow::Cow, fmt, sync::Arc};

use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::{
        VerifierBuilderError, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use webpki::EndEntityCert;

/// rustls' own verifier. It decides; all that is added is to tell a self-signed certificate from one by an unknown CA,
/// since the way out differs.
#[derive(Debug)]
pub(crate) struct Verifier(Arc<WebPkiServerVerifier>);

impl Verifier {
    /// Accepts chains that end in one of `roots`.
    pub(crate) fn new(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map(Self)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)
                    if is_self_signed(end_entity) =>
                {
                    CertificateError::Other(OtherError(Arc::new(SelfSigned))).into()
                }
                error => error,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// The server's certificate names itself as its issuer.
#[derive(Debug)]
struct SelfSigned;

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("self-signed")
    }
}

impl std::error::Error for SelfSigned {}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|cert| cert.issuer() == cert.subject())
}

const RENEW: &str = "renew it on the server";
const TRUST: &str = "if it is right, trust its root: pub_key, or the PEM file IOTKIT_CA_FILE";

/// What is wrong, as the end of "the certificate of ..", and what to do.
pub(crate) fn explain(error: &CertificateError) -> (Cow<'static, str>, &'static str) {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "has expired".into(),
            "renew it on the server; if it is current, set this device's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("is not valid yet".into(), "set this device's clock")
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => (
            "has no subjectAltName".into(),
            "renew it on the server, with the host name there",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "is for another name".into(),
            "check the host name and where it leads (DNS, IOTKIT_RESOLVE)",
        ),
        CertificateError::UnknownIssuer => ("comes from an unknown CA".into(), TRUST),
        CertificateError::Other(OtherError(error)) if error.is::<SelfSigned>() => {
            ("is self-signed".into(), TRUST)
        }
        CertificateError::Other(OtherError(error))
            if matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
        {
            (
                "is a CA's, not a server's".into(),
                "give the server one of its own, signed by that CA",
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("is not for a TLS server".into(), RENEW)
        }
        CertificateError::Revoked => ("is revoked".into(), RENEW),
        CertificateError::BadSignature => (
            "is not signed by the CA it names".into(),
            "check the server, and the root given for it",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            ("uses a weak or unknown key or signature".into(), RENEW)
        }
        CertificateError::Other(OtherError(error)) => {
            (format!("is refused: {error}").into(), RENEW)
        }
        other => (format!("is refused: {other}").into(), RENEW),
    }
}
