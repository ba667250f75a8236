//! The device record and the connection info: two objects that C code holds pointers to.
//!
//! Both live as long as the program, at one address each. Applications use the strings of the
//! connection info as parameters of a client, which reads them at every reconnect; so they are
//! renewed in place, and only where they change.

use core::{
    cell::UnsafeCell,
    ffi::{CStr, c_char, c_int},
    hint, ptr, slice,
    sync::atomic::{AtomicI32, Ordering},
};

use iotkit::{
    auth::{
        Error, Identity, Part,
        conn_info::{Fields, PORT, Region, Security, Setup},
        mid::MidReport,
        sign,
    },
    log::{Level, Value},
};

use zeroize::Zeroize;

use crate::{
    claim::{self, Claimable},
    entry::{field_bytes, field_text, fill_field},
    guider::Permit,
    hal::sys,
    log, root_ca,
    v2::iot_export::{
        iotx_conn_info_pt, iotx_conn_info_t, iotx_device_info_pt, iotx_device_info_t,
    },
};

/// What devices are signed with.
#[cfg(not(feature = "hmac-md5"))]
pub(crate) type SignMethod = sign::HmacSha1;
/// What devices are signed with.
#[cfg(feature = "hmac-md5")]
pub(crate) type SignMethod = sign::HmacMd5;

static CONN_INFO: Shared<iotx_conn_info_t> = Shared(UnsafeCell::new(NOWHERE));
static DEVICE_INFO: Shared<iotx_device_info_t> = Shared(UnsafeCell::new(NOBODY));
static REGION: AtomicI32 = AtomicI32::new(0);

/// Why the connection info could not be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The part is not UTF-8.
    NotText(Part),
    /// The identity, or what the HAL adds to it, is not acceptable.
    Identity(Error),
    /// Another thread is at it.
    Busy,
    /// The platform was asked, and does not let the device connect.
    NotGranted,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Identity(error)
    }
}

impl Refused {
    /// Tells why in the log, and passes itself on.
    pub(crate) fn logged(self) -> Self {
        let (text, part) = match self {
            Self::NotText(part) => ("connection info: not UTF-8:", Some(part)),
            Self::Identity(Error::Empty(part)) => ("connection info: missing:", Some(part)),
            Self::Identity(Error::TooLong(part)) => ("connection info: too long:", Some(part)),
            Self::Busy => ("connection info: in use by another thread", None),
            Self::NotGranted => ("connection info: not granted by the platform", None),
        };
        let value = part.map_or(Value::None, |part| Value::Text(part.name().as_bytes()));
        log::write(Level::Error, text, value);
        self
    }
}

/// The connection info, for C.
pub(crate) fn conn_info() -> iotx_conn_info_pt {
    CONN_INFO.0.get()
}

/// The device record, for C.
pub(crate) fn device_info() -> iotx_device_info_pt {
    DEVICE_INFO.0.get()
}

/// Chooses the region for the next time the connection info is computed.
pub(crate) fn set_region(number: c_int) {
    REGION.store(number, Ordering::Relaxed);
}

/// A device on its way into the record; the copy of its secret is wiped when dropped.
pub(crate) struct Candidate(iotx_device_info_t);

impl Candidate {
    /// Copies three arguments from C, which may be fields of the record itself.
    ///
    /// # Safety
    ///
    /// Each is `NULL` or a NUL-terminated string.
    pub(crate) unsafe fn new(
        product_key: *const c_char,
        device_name: *const c_char,
        device_secret: *const c_char,
    ) -> Result<Self, Refused> {
        let text = |text: *const c_char, part| {
            if text.is_null() {
                return Err(Refused::Identity(Error::Empty(part)));
            }
            // SAFETY: it is a string, by the contract.
            unsafe { CStr::from_ptr(text) }
                .to_str()
                .map_err(|_| Refused::NotText(part))
        };
        let key = text(product_key, Part::ProductKey)?;
        let name = text(device_name, Part::DeviceName)?;
        let secret = text(device_secret, Part::DeviceSecret)?;
        Identity::new(key, name, secret)?;

        let mut device = Self(NOBODY);
        let id = [key, ".", name].into_iter().flat_map(str::bytes);
        fill_field(&mut device.0.product_key, key.bytes());
        fill_field(&mut device.0.device_name, name.bytes());
        fill_field(&mut device.0.device_id, id);
        fill_field(&mut device.0.device_secret, secret.bytes());
        Ok(device)
    }

    /// Makes this the device, and computes its connection info. Changes nothing if that fails.
    pub(crate) fn set_up(&self) -> Result<(), Refused> {
        let vendor = Vendor::ask();
        let permit = self.permit()?;
        let claim = Claim::wait()?;
        renew(&claim, &self.identity()?, &vendor, permit.as_ref())?;
        self.store(&claim);
        Ok(())
    }

    fn identity(&self) -> Result<Identity<'_>, Refused> {
        // There is one: `new` has put it there.
        Ok(identity(&self.0).ok_or(Error::Empty(Part::ProductKey))?)
    }

    /// Where the device may connect, if that is for the platform to say. Nothing is claimed meanwhile.
    fn permit(&self) -> Result<Option<Permit>, Refused> {
        if !cfg!(feature = "guider") {
            return Ok(None);
        }
        let permit = Permit::ask(&self.identity()?, region());
        permit.map(Some).ok_or(Refused::NotGranted)
    }

    /// Computes the connection info of this device again, after the platform was asked.
    fn renew(&self, vendor: &Vendor) -> Result<(), Refused> {
        let permit = self.permit()?;
        renew(&Claim::wait()?, &self.identity()?, vendor, permit.as_ref())
    }

    /// Makes this the device, without computing anything.
    pub(crate) fn set(&self) -> Result<(), Refused> {
        self.store(&Claim::wait()?);
        Ok(())
    }

    fn store(&self, _: &Claim) {
        // SAFETY: the record lives as long as the program, and no other Rust code touches it while
        // the claim is held.
        unsafe { device_info().write(self.0) };
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.0.device_secret.zeroize();
    }
}

/// Computes the connection info of the device again, as before every reconnect: the region and what
/// the HAL says may have changed. Without a device there is nothing to do.
pub(crate) fn reauthenticate() -> Result<(), Refused> {
    let vendor = Vendor::ask();
    // Whoever holds the claim is computing the same thing.
    let Some(claim) = Claim::get() else {
        return Ok(());
    };
    if cfg!(feature = "guider") {
        return match copied(claim) {
            Some(device) => device.renew(&vendor).map_err(Refused::logged),
            None => Ok(()),
        };
    }
    match current(&claim) {
        Some(identity) => renew(&claim, &identity, &vendor, None).map_err(Refused::logged),
        None => Ok(()),
    }
}

/// Puts the report of the module's maker together; `false` unless the HAL knows both ids, and a device is set. Not
/// inlined, so that the ids do not lie on the stack while it is published.
#[inline(never)]
pub(crate) fn mid_report(report: &mut MidReport) -> bool {
    let partner = VendorId::ask(sys::HAL_GetPartnerID);
    if partner.returned == 0 {
        return false;
    }
    let module = VendorId::ask(sys::HAL_GetModuleID);
    if module.returned == 0 {
        return false;
    }
    let Ok(claim) = Claim::wait().map_err(Refused::logged) else {
        return false;
    };
    let Some(identity) = current(&claim) else {
        return false;
    };
    let filled = report.fill(&identity, partner.text(), module.text());
    if filled.is_err() {
        log::write(
            Level::Warning,
            "module not reported: its ids are not plain text",
            Value::None,
        );
    }
    filled.is_ok()
}

/// The root certificate for a TLS connection, PEM; `NULL` in a build without TLS.
pub(crate) fn root_certificate() -> *const c_char {
    if cfg!(feature = "tls") {
        root_ca::PEM.as_ptr()
    } else {
        ptr::null()
    }
}

fn renew(
    _: &Claim,
    identity: &Identity<'_>,
    vendor: &Vendor,
    permit: Option<&Permit>,
) -> Result<(), Refused> {
    let granted = permit.and_then(Permit::granted);
    let setup = Setup {
        identity: *identity,
        region: region(),
        security: if cfg!(feature = "tls") {
            Security::Tls
        } else {
            Security::Plain
        },
        granted,
        gateway: cfg!(feature = "gateway"),
        extended_rrpc: cfg!(feature = "rrpc-new"),
        partner_id: vendor.partner.text(),
        module_id: vendor.module.text(),
    };
    let record = conn_info();
    // SAFETY: the record lives as long as the program, and no other Rust code touches it while the
    // claim is held. C code may read it meanwhile, for which it sees no write unless the text
    // changes; that it must not read then is what `IOT_SetupConnInfo` documents.
    unsafe {
        Fields {
            host_name: bytes_mut(&raw mut (*record).host_name),
            client_id: bytes_mut(&raw mut (*record).client_id),
            username: bytes_mut(&raw mut (*record).username),
            password: bytes_mut(&raw mut (*record).password),
        }
        .update::<SignMethod>(&setup)?;
        (*record).port = granted.map_or(PORT, |granted| granted.port);
        (*record).pub_key = root_certificate();
    }
    Ok(())
}

fn region() -> Region {
    Region::from(i64::from(REGION.load(Ordering::Relaxed)))
}

/// A copy of the device that is set, if there is one.
fn copied(claim: Claim) -> Option<Candidate> {
    current(&claim)?;
    // SAFETY: the record lives as long as the program, and is written under a claim only.
    Some(Candidate(unsafe { *device_info() }))
}

/// The device that is set, if there is one.
fn current(_: &Claim) -> Option<Identity<'_>> {
    // SAFETY: the record lives as long as the program, and is written under a claim only.
    identity(unsafe { &*device_info() })
}

/// The device in a record, unless nothing was put there.
fn identity(record: &iotx_device_info_t) -> Option<Identity<'_>> {
    let key = text(&record.product_key)?;
    Identity::new(
        key,
        text(&record.device_name)?,
        text(&record.device_secret)?,
    )
    .ok()
}

const NOBODY: iotx_device_info_t = iotx_device_info_t {
    product_key: [0; 21],
    device_name: [0; 33],
    device_id: [0; 65],
    device_secret: [0; 65],
    module_vendor_id: [0; 33],
};

const NOWHERE: iotx_conn_info_t = iotx_conn_info_t {
    port: 0,
    host_name: [0; 129],
    client_id: [0; 257],
    username: [0; 513],
    password: [0; 257],
    pub_key: ptr::null(),
    #[cfg(feature = "id2")]
    aeskey_str: [0; 32],
    #[cfg(feature = "id2")]
    aeskey_hex: [0; 16],
};

/// A record that C code holds a pointer to.
struct Shared<T>(UnsafeCell<T>);

// SAFETY: Rust code reaches the record through a `Claim` only, one thread at a time.
unsafe impl<T> Sync for Shared<T> {}

/// The right to touch the records. It is held for as long as a signature takes, and not while
/// anything of the application runs.
struct Claim {
    _claim: claim::Claim,
}

static CLAIMED: Claimable = Claimable::new();

impl Claim {
    /// How often to try: some milliseconds on a small core.
    const TRIES: u32 = 100_000;

    fn get() -> Option<Self> {
        CLAIMED.claim().map(|_claim| Self { _claim })
    }

    /// Waits for another thread to finish, but not for one that this one keeps from running.
    fn wait() -> Result<Self, Refused> {
        (0..Self::TRIES)
            .find_map(|_| {
                hint::spin_loop();
                Self::get()
            })
            .ok_or(Refused::Busy)
    }
}

/// What the HAL says about the module the firmware runs on.
struct Vendor {
    partner: VendorId,
    module: VendorId,
}

impl Vendor {
    fn ask() -> Self {
        Self {
            partner: VendorId::ask(sys::HAL_GetPartnerID),
            module: VendorId::ask(sys::HAL_GetModuleID),
        }
    }
}

struct VendorId {
    buffer: [c_char; MidReport::ID_MAX + 1],
    returned: c_int,
}

impl VendorId {
    fn ask(get: unsafe extern "C" fn(*mut c_char) -> c_int) -> Self {
        let mut buffer = [0; MidReport::ID_MAX + 1];
        // SAFETY: the getters of the HAL write at most 64 characters and a NUL.
        let returned = unsafe { get(buffer.as_mut_ptr()) };
        Self { buffer, returned }
    }

    /// The id, with or without a NUL behind it.
    fn text(&self) -> &[u8] {
        let (id, _) = self.buffer.split_at(MidReport::ID_MAX);
        field_text(id)
    }
}

fn text<const N: usize>(field: &[c_char; N]) -> Option<&str> {
    CStr::from_bytes_until_nul(field_bytes(field))
        .ok()?
        .to_str()
        .ok()
}

/// # Safety
///
/// As for `&mut *field`.
unsafe fn bytes_mut<'a, const N: usize>(field: *mut [c_char; N]) -> &'a mut [u8] {
    // SAFETY: a `c_char` is a byte; the rest is the caller's promise.
    unsafe { slice::from_raw_parts_mut(field.cast(), N) }
}
