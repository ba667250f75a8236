//! Updates over CMP's connection: who is told, and the steps of a download.

use core::ffi::{CStr, c_char, c_int, c_void};

use iotkit::{
    hal::Lock,
    services::ota::{Announcement, Image, Kind, Outgoing, Payload, Phase, progress},
};

use super::{Cmp, Failed, Pointer, complain, get};
use crate::{
    hal,
    ota::{self, Step, UPDATES, Update},
    v2::{
        iot_export_cmp::{iotx_cmp_cota_parameter_t, iotx_cmp_fota_parameter_t},
        iot_export_ota::{IOT_OTA_GetConfig, IOT_OTA_ReportVersion, IOT_OTA_RequestImage},
    },
};

/// What CMP knows of updates.
pub(super) struct Updates {
    handle: Option<Pointer>,
    firmware: Option<(FirmwareFunction, Pointer)>,
    config: Option<(ConfigFunction, Pointer)>,
    reported: Reported,
}

impl Updates {
    pub(super) const NONE: Self = Self {
        handle: None,
        firmware: None,
        config: None,
        reported: Reported::NOTHING,
    };
}

pub(crate) type FirmwareFunction =
    unsafe extern "C" fn(*mut c_void, *mut iotx_cmp_fota_parameter_t, *mut c_void);
pub(crate) type ConfigFunction =
    unsafe extern "C" fn(*mut c_void, *mut iotx_cmp_cota_parameter_t, *mut c_void);

/// The progress that the platform was told last, of the present download.
#[derive(Clone, Copy)]
struct Reported {
    percent: u32,
    /// By the platform's clock.
    at: u32,
}

impl Reported {
    const NOTHING: Self = Self { percent: 0, at: 0 };

    /// Whether to report: at the end, or when it has grown by more than 5 and 50 ms have passed.
    fn is_due(&mut self, percent: u32, now: u32) -> bool {
        let due = percent >= 100
            || percent > self.percent.saturating_add(5) && now.wrapping_sub(self.at) > 50;
        if due {
            *self = Self { percent, at: now };
        }
        due
    }
}

/// What a step of a download has come to.
pub(crate) struct Fetched {
    pub(crate) bytes: usize,
    /// 0 to 100.
    pub(crate) percent: u32,
    pub(crate) end: Option<End>,
}

/// How a download has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Valid,
    /// It is not what was announced.
    Invalid,
}

/// Why a step of a download has come to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFetched {
    /// Nothing has begun.
    Failed,
    /// The download has ended without all bytes, or has come no further for long.
    Over,
}

/// Which progress stands for a failure (`IOT_OTA_Progress_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Fetching = -2,
    Checking = -3,
    Storing = -4,
}

impl Cmp {
    /// `IOT_CMP_OTA_Start`.
    ///
    /// # Safety
    ///
    /// `version` is `NULL` or a string.
    pub(crate) unsafe fn start_updates(&self, version: *const c_char) -> Result<(), Failed> {
        if self.updates().is_ok() {
            return Ok(());
        }
        let client = self.client_handle()?;
        if version.is_null() {
            return Err(complain("IOT_CMP_OTA_Start: no version"));
        }
        let (key, name) = (
            super::text(&self.peer.product_key),
            super::text(&self.peer.device_name),
        );
        let handle = Update::start(key, name, client).map_err(complain)?;
        // First, so that an announcement that answers the version finds somebody.
        let known = UPDATES.get(handle).is_ok_and(|update| {
            update.tell(announced);
            // SAFETY: it is a string, by the contract.
            (unsafe { IOT_OTA_ReportVersion(handle, version) }) == 0
        });
        let kept = known
            && self.state.with(|state| {
                let first = state.updates.handle.is_none() && !state.ended;
                if first {
                    state.updates.handle = Some(Pointer(handle));
                }
                first
            });
        if !kept {
            ota::end(handle);
        }
        known
            .then_some(())
            .ok_or_else(|| complain("IOT_CMP_OTA_Start: the version could not be reported"))
    }

    pub(super) fn end_updates(&self) {
        let handle = self.state.with(|state| state.updates.handle.take());
        if let Some(handle) = handle {
            ota::end(handle.0);
        }
    }

    /// The handle of the updates, once they are awaited.
    fn updates(&self) -> Result<*mut c_void, Failed> {
        let handle = self.state.with(|state| state.updates.handle);
        handle.map(|handle| handle.0).ok_or(Failed)
    }

    /// `IOT_CMP_OTA_Set_Callback`, for firmware.
    pub(crate) fn tell_of_firmware(
        &self,
        function: FirmwareFunction,
        context: *mut c_void,
    ) -> Result<(), Failed> {
        self.client_handle()?;
        self.state.with(|state| {
            let told = &mut state.updates.firmware;
            set(told, (function, Pointer(context)))
        })
    }

    /// `IOT_CMP_OTA_Set_Callback`, for configurations.
    pub(crate) fn tell_of_config(
        &self,
        function: ConfigFunction,
        context: *mut c_void,
    ) -> Result<(), Failed> {
        self.client_handle()?;
        self.state.with(|state| {
            let told = &mut state.updates.config;
            set(told, (function, Pointer(context)))
        })
    }

    /// Whoever is told with this context is told of nothing more.
    pub(crate) fn forget_updates_of(&self, context: *mut c_void) {
        let context = Pointer(context);
        self.state.with(|state| {
            let updates = &mut state.updates;
            updates.firmware = updates.firmware.filter(|told| told.1 != context);
            updates.config = updates.config.filter(|told| told.1 != context);
        });
    }

    /// `IOT_CMP_OTA_Get_Config`.
    ///
    /// # Safety
    ///
    /// They are `NULL` or strings.
    pub(crate) unsafe fn ask_for_config(
        &self,
        scope: *const c_char,
        get_type: *const c_char,
        keys: *const c_char,
    ) -> Result<c_int, Failed> {
        let handle = self.updates()?;
        // SAFETY: they are `NULL` or strings, by the contract.
        Ok(unsafe { IOT_OTA_GetConfig(handle, scope, get_type, keys) })
    }

    /// `IOT_CMP_OTA_Request_Image`.
    ///
    /// # Safety
    ///
    /// `version` is `NULL` or a string.
    pub(crate) unsafe fn ask_for_firmware(&self, version: *const c_char) -> Result<c_int, Failed> {
        let handle = self.updates()?;
        // SAFETY: it is `NULL` or a string, by the contract.
        Ok(unsafe { IOT_OTA_RequestImage(handle, version) })
    }

    /// Whether there is something to fetch.
    pub(crate) fn is_fetching(&self) -> bool {
        self.updates()
            .is_ok_and(|handle| phase(handle) == Phase::Fetching)
    }

    /// Fetches what comes next, and reports it: returns with bytes, or when the download is over.
    pub(crate) fn fetch(&self, kind: Kind, room: &mut [u8]) -> Result<Fetched, NotFetched> {
        /// How long one attempt waits, in ms.
        const WAIT: u32 = 1000;
        /// How long pauses are waited through, in ms. A download that comes no further ends earlier by itself.
        const PATIENCE: u32 = 180_000;

        let handle = self.updates().map_err(|Failed| NotFetched::Failed)?;
        let update = UPDATES.get(handle).map_err(|_| NotFetched::Failed)?;
        let begun = hal::uptime();
        let bytes = loop {
            match update.fetch(room, WAIT) {
                Step::Bytes(0) if update.phase() == Phase::Fetching => {
                    let ended = self.state.with(|state| state.ended);
                    if ended || hal::uptime().wrapping_sub(begun) > PATIENCE {
                        self.report_trouble(Trouble::Fetching);
                        return Err(NotFetched::Over);
                    }
                }
                Step::Bytes(bytes) => break bytes,
                Step::Failed | Step::Idle => {
                    self.report_trouble(Trouble::Fetching);
                    return Err(NotFetched::Over);
                }
            }
        };
        let (fetched, size, over, valid) = update.look(|ota| {
            let over = ota.phase() == Phase::Fetched;
            (ota.fetched(), ota.size(), over, ota.is_valid(kind))
        });
        let percent = u64::from(fetched) * 100 / u64::from(size.max(1));
        let percent = if over { 100 } else { percent.min(99) as u32 };
        let now = hal::uptime();
        if self
            .state
            .with(|state| state.updates.reported.is_due(percent, now))
        {
            self.report(percent as i8); // at most 100
        }
        let end = match (over, valid) {
            (false, _) => None,
            (true, true) => Some(End::Valid),
            (true, false) => {
                self.report_trouble(Trouble::Checking);
                Some(End::Invalid)
            }
        };
        Ok(Fetched {
            bytes,
            percent,
            end,
        })
    }

    /// Tells the platform that an update has failed.
    pub(crate) fn report_trouble(&self, trouble: Trouble) {
        self.report(trouble as i8);
    }

    /// Tells the platform how far an update is. Not inlined: it takes room on the stack that a download is not to have.
    #[inline(never)]
    fn report(&self, step: i8) {
        let Ok(Ok(update)) = self.updates().map(|handle| UPDATES.get(handle)) else {
            return;
        };
        let mut payload = Payload::new();
        // Whether the platform hears of it does not matter to the update.
        let _ = progress(&mut payload, step, b"")
            .map(|()| update.publish(Outgoing::Progress, payload.as_bytes()));
    }
}

fn phase(handle: *mut c_void) -> Phase {
    UPDATES
        .get(handle)
        .map_or(Phase::Idle, |update| update.phase())
}

fn set<T>(told: &mut Option<T>, function: T) -> Result<(), Failed> {
    if told.is_some() {
        return Err(complain("IOT_CMP_OTA_Set_Callback: there is one already"));
    }
    *told = Some(function);
    Ok(())
}

/// Something was announced: passes it on.
fn announced(announcement: &Announcement, url: &CStr) {
    let Ok(cmp) = get() else { return };
    let (firmware, config) = cmp.state.with(|state| {
        let updates = &mut state.updates;
        updates.reported = Reported::NOTHING;
        (updates.firmware, updates.config)
    });
    let mutable = |text: &CStr| text.as_ptr().cast_mut();
    match &announcement.image {
        Image::Firmware { version } => {
            let mut parameter = iotx_cmp_fota_parameter_t {
                size_file: announcement.size,
                purl: mutable(url),
                version: mutable(version),
            };
            if let Some((function, context)) = firmware {
                // SAFETY: the application has given the function for this, and with it its promise that it may be called.
                unsafe { function(super::CMP.only(), &raw mut parameter, context.0) }
            }
        }
        Image::Config {
            id,
            sign_method,
            get_type,
        } => {
            let mut parameter = iotx_cmp_cota_parameter_t {
                configId: mutable(id),
                configSize: announcement.size,
                sign: mutable(&announcement.sign),
                signMethod: mutable(sign_method),
                url: mutable(url),
                getType: mutable(get_type),
            };
            if let Some((function, context)) = config {
                // SAFETY: as above.
                unsafe { function(super::CMP.only(), &raw mut parameter, context.0) }
            }
        }
    }
}
