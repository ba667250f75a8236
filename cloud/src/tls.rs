//! Certificates, made here, and TLS as the platform serves it.

use std::{fs, io::Write, net::IpAddr, os::unix::fs::PermissionsExt, path::Path, sync::OnceLock};

use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    ssl::{SslContext, SslMethod, SslOptions, SslVersion},
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage,
            SubjectAlternativeName, SubjectKeyIdentifier,
        },
    },
};

use crate::Error;

/// The platform's regions (MQTT, section 3).
const REGIONS: [&str; 5] = [
    "cn-shanghai",
    "ap-southeast-1",
    "ap-northeast-1",
    "us-west-1",
    "eu-central-1",
];

/// Small enough for devices, large enough for today; only RSA is offered by the mbedTLS of devices in the field.
const RSA_BITS: u32 = 2048;

/// Forward secrecy and AEAD first; at the end what an mbedTLS with RSA key exchange and AES-CBC-SHA needs. Level 0
/// because such clients sign, if at all, with SHA-1.
const CIPHERS: &str = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!PSK:!CAMELLIA:\
                       !ARIA:@SECLEVEL=0";

/// A certificate with its chain and its private key, both PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, followed by those that vouch for it.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}

/// What a server certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSpec {
    /// The names and addresses it is for.
    pub names: Vec<String>,
    /// From when it is valid, in days from now.
    pub from_days: i64,
    /// Until when it is valid, in days from now.
    pub until_days: i64,
}

impl CertificateSpec {
    /// For these names, from yesterday (clocks differ) for two years.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            from_days: -1,
            until_days: 730,
        }
    }

    /// For the names the platform has on this machine: those that V2.10 firmware asks for in every region, and
    /// loopback.
    pub fn platform() -> Self {
        let hosts = REGIONS.iter().flat_map(|region| {
            [
                format!("*.iot-as-mqtt.{region}.aliyuncs.com"),
                format!("iot-auth.{region}.aliyuncs.com"),
                format!("iot-as-http.{region}.aliyuncs.com"),
            ]
        });
        Self::new(hosts.chain(["localhost", "127.0.0.1", "::1"].map(str::to_owned)))
    }

    /// Valid until yesterday only.
    pub fn expired(self) -> Self {
        Self {
            from_days: -30,
            until_days: -1,
            ..self
        }
    }
}

/// A certificate authority: what a device is told to trust.
#[derive(Clone)]
pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    /// Makes a new one, valid for ten years.
    ///
    /// # Errors
    ///
    /// What OpenSSL says.
    pub fn generate(name: &str) -> Result<Self, Error> {
        let key = PKey::from_rsa(Rsa::generate(RSA_BITS)?)?;
        let mut builder = certificate_builder(name, &key, -1, 3650)?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(
            KeyUsage::new()
                .critical()
                .key_cert_sign()
                .crl_sign()
                .build()?,
        )?;
        let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(subject_key)?;
        let issuer = builder_name(name)?;
        builder.set_issuer_name(&issuer)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self {
            certificate: builder.build(),
            key,
        })
    }

    /// The authority's certificate as PEM: what a device trusts.
    ///
    /// # Errors
    ///
    /// What OpenSSL says.
    pub fn pem(&self) -> Result<String, Error> {
        pem(&self.certificate)
    }

    /// Makes a server certificate and its key.
    ///
    /// # Errors
    ///
    /// What OpenSSL says, for one about a time it cannot express.
    pub fn issue(&self, spec: &CertificateSpec) -> Result<Certificate, Error> {
        let key = PKey::from_rsa(Rsa::generate(RSA_BITS)?)?;
        let mut builder = server_certificate(spec, &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        let authority = AuthorityKeyIdentifier::new()
            .keyid(true)
            .build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(authority)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Certificate {
            chain: pem(&builder.build())?,
            key: private_pem(&key)?,
        })
    }

    fn load(folder: &Path) -> Result<Option<Self>, Error> {
        let (Some(certificate), Some(key)) = (
            read(&folder.join("ca.pem"))?,
            read(&folder.join("ca-key.pem"))?,
        ) else {
            return Ok(None);
        };
        let authority = Self {
            certificate: X509::from_pem(certificate.as_bytes())?,
            key: PKey::private_key_from_pem(key.as_bytes())?,
        };
        Ok(authority
            .certificate
            .public_key()?
            .public_eq(&authority.key)
            .then_some(authority))
    }
}

/// Makes a certificate that only vouches for itself.
///
/// # Errors
///
/// What OpenSSL says.
pub fn self_signed(spec: &CertificateSpec) -> Result<Certificate, Error> {
    let key = PKey::from_rsa(Rsa::generate(RSA_BITS)?)?;
    let mut builder = server_certificate(spec, &key)?;
    let issuer = builder_name(SERVER_NAME)?;
    builder.set_issuer_name(&issuer)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok(Certificate {
        chain: pem(&builder.build())?,
        key: private_pem(&key)?,
    })
}

const SERVER_NAME: &str = "iotkit-cloud";

fn server_certificate(spec: &CertificateSpec, key: &PKey<Private>) -> Result<X509Builder, Error> {
    let mut builder = certificate_builder(SERVER_NAME, key, spec.from_days, spec.until_days)?;
    let mut names = SubjectAlternativeName::new();
    for name in &spec.names {
        if name.parse::<IpAddr>().is_ok() {
            names.ip(name);
        } else {
            names.dns(name);
        }
    }
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(
        KeyUsage::new()
            .critical()
            .digital_signature()
            .key_encipherment()
            .build()?,
    )?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    let names = names.build(&builder.x509v3_context(None, None))?;
    builder.append_extension(names)?;
    Ok(builder)
}

fn certificate_builder(
    name: &str,
    key: &PKey<Private>,
    from_days: i64,
    until_days: i64,
) -> Result<X509Builder, Error> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::ONE, false)?; // RFC 5280, 4.1.2.2: positive, at most 20 bytes
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&*builder_name(name)?)?;
    builder.set_not_before(&*days_from_now(from_days)?)?;
    builder.set_not_after(&*days_from_now(until_days)?)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn builder_name(name: &str) -> Result<openssl::x509::X509Name, ErrorStack> {
    let mut builder = X509NameBuilder::new()?;
    builder.append_entry_by_nid(Nid::ORGANIZATIONNAME, "iotkit-cloud, for tests only")?;
    builder.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(builder.build())
}

fn days_from_now(days: i64) -> Result<Asn1Time, ErrorStack> {
    let now = i64::try_from(crate::transcript::now_ms() / 1000).unwrap_or(i64::MAX);
    Asn1Time::from_unix(now.saturating_add(days.saturating_mul(24 * 60 * 60)))
}

fn pem(certificate: &X509) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&certificate.to_pem()?).into_owned())
}

fn private_pem(key: &PKey<Private>) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&key.private_key_to_pem_pkcs8()?).into_owned())
}

/// The authority and the server certificate of a data folder; what is missing or near its end is made.
pub(crate) fn load_or_make(folder: &Path) -> Result<(Authority, Certificate), Error> {
    let authority = match Authority::load(folder)? {
        Some(authority) => authority,
        None => {
            let authority = Authority::generate("iotkit-cloud local CA")?;
            write(
                &folder.join("ca-key.pem"),
                &private_pem(&authority.key)?,
                0o600,
            )?;
            write(&folder.join("ca.pem"), &authority.pem()?, 0o644)?;
            authority
        }
    };
    let (chain, key) = (folder.join("server.pem"), folder.join("server-key.pem"));
    if let (Some(chain), Some(key)) = (read(&chain)?, read(&key)?) {
        let certificate = Certificate { chain, key };
        if is_good(&certificate, &authority)? {
            return Ok((authority, certificate));
        }
    }
    let certificate = authority.issue(&CertificateSpec::platform())?;
    write(&key, &certificate.key, 0o600)?;
    write(&chain, &certificate.chain, 0o644)?;
    Ok((authority, certificate))
}

/// The same for platforms without a folder of their own: made once in a process, since keys take their time.
pub(crate) fn shared() -> Result<(Authority, Certificate), Error> {
    static SHARED: OnceLock<(Authority, Certificate)> = OnceLock::new();
    if let Some(shared) = SHARED.get() {
        return Ok(shared.clone());
    }
    let authority = Authority::generate("iotkit-cloud local CA")?;
    let certificate = authority.issue(&CertificateSpec::platform())?;
    Ok(SHARED.get_or_init(|| (authority, certificate)).clone())
}

/// Signed by that authority, with its own key beside it, and for another month at least.
fn is_good(certificate: &Certificate, authority: &Authority) -> Result<bool, Error> {
    let leaf = X509::from_pem(certificate.chain.as_bytes())?;
    let key = PKey::private_key_from_pem(certificate.key.as_bytes())?;
    let lasts = leaf.not_after() > &*days_from_now(30)?;
    Ok(lasts && leaf.public_key()?.public_eq(&key) && leaf.verify(&authority.key)?)
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path, error)),
    }
}

/// Writes a file whole or not at all, so that a reader never sees half of it.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>, mode: u32) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content.as_ref())?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Error::file("write", path, error))
}

/// The server's side of TLS with this certificate. From 1.0 on: that is what the platform accepts, and what firmware of
/// V2.10's time may be limited to.
pub(crate) fn context(certificate: &Certificate) -> Result<SslContext, Error> {
    let mut chain = X509::stack_from_pem(certificate.chain.as_bytes())?.into_iter();
    let leaf = chain
        .next()
        .ok_or_else(|| Error::Config("the certificate file holds no certificate".to_owned()))?;

    let mut builder = SslContext::builder(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1))?;
    builder.set_cipher_list(CIPHERS)?;
    builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::NO_RENEGOTIATION);
    builder.set_certificate(&leaf)?;
    for issuer in chain {
        builder.add_extra_chain_cert(issuer)?;
    }
    builder.set_private_key(&*PKey::private_key_from_pem(certificate.key.as_bytes())?)?;
    builder.check_private_key()?;
    Ok(builder.build())
}
