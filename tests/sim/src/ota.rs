//! The application's updates: announced to a client, fetched piece by piece, and what may be expected of each piece.

use std::{
    ffi::{c_char, c_int, c_void},
    fmt::Write as _,
};

use crate::{
    app::{api, call, pointer},
    web,
    world::{Doing, World, world},
};

/// The updates of one device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Updates {
    /// 0: nothing listens for announcements.
    handle: usize,
    client: usize,
    /// A thread makes a handle.
    starting: bool,
    /// A thread fetches.
    fetching: bool,
    download: Option<Download>,
}

/// What has come of an image.
#[derive(Clone, Copy, Debug)]
struct Download {
    image: usize,
    version: Option<u32>,
    len: usize,
    /// Bytes that are not the image's.
    wrong: usize,
}

/// Questions of `IOT_OTA_Ioctl`.
mod question {
    use std::ffi::c_int;

    pub(super) const FETCHED_SIZE: c_int = 0;
    pub(super) const FILE_SIZE: c_int = 1;
    pub(super) const CHECK_FIRMWARE: c_int = 4;
    pub(super) const CHECK_CONFIG: c_int = 5;
}

/// Results of the library.
mod code {
    use std::ffi::c_int;

    pub(super) const FAILED: c_int = -1;
    pub(super) const NO_HANDLE: c_int = -2;
}

/// Answers of `IOT_OTA_GetFailure`.
mod failure {
    use std::ffi::c_int;

    pub(super) const RESPONSE: c_int = 4;
    pub(super) const CHANGED: c_int = 7;
    pub(super) const NO_MEMORY: c_int = 8;
}

/// What stands behind a buffer.
const FENCE: u8 = 0x5c;

/// One thing that an application does about updates.
pub(crate) fn step(client: usize) {
    let (device, updates, live) = world(|world| {
        let this = &world.model.clients[client];
        let device = this.device;
        let updates = world.model.updates[device].clone();
        let live = updates.handle != 0 && world.model.clients[updates.client].is_live();
        (device, updates, live)
    });
    if updates.handle == 0 {
        if !updates.starting {
            start(device, client);
        }
        return;
    }
    if !live || world(|world| world.rng.u8(..100)) == 0 {
        return stop(device);
    }
    if is_fetching(device) {
        return fetch(device);
    }
    match world(|world| world.rng.u8(..16)) {
        0 => report(device),
        1 => {
            ask(device, question::FETCHED_SIZE);
        }
        _ => {}
    }
}

/// Fetches what was announced, if anything was.
pub(crate) fn go_on(device: usize) {
    if world(|world| world.model.updates[device].handle) != 0 && is_fetching(device) {
        fetch(device);
    }
}

/// Fetches to the end, and gives the handle back.
pub(crate) fn finish(device: usize) {
    const CALLS_MAX: usize = 10_000;

    for _ in 0..CALLS_MAX {
        if !is_fetching(device) {
            break;
        }
        fetch(device);
    }
    let endless = is_fetching(device);
    world(|world| {
        let updates = world.model.updates[device].clone();
        world.must(!endless, "downloads end when healed", || {
            format!("{updates:?}")
        });
    });
    if world(|world| world.model.updates[device].handle) != 0 {
        stop(device);
    }
}

fn start(device: usize, client: usize) {
    let channel = world(|world| {
        world.model.updates[device].starting = true;
        world.model.clients[client].has_updates = true;
        world.note(|line| _ = write!(line, "IOT_OTA_Init client {client}"));
        world.model.clients[client].handle()
    });
    let handle = call(
        Doing::Request,
        client,
        |plan| 5 * u64::from(plan.request_timeout),
        // SAFETY: the names are strings.
        || unsafe { (api().ota_init)(c"product".as_ptr(), c"device".as_ptr(), pointer(channel)) },
    );
    world(|world| {
        world.note(|line| _ = write!(line, "IOT_OTA_Init: {handle:?}"));
        let calm = world.plan.is_calm() && world.model.clients[client].is_live();
        world.must(!(calm && handle.is_null()), "documented results", || {
            "IOT_OTA_Init failed".to_owned()
        });
        world.model.updates[device] = Updates {
            handle: handle.addr(),
            client,
            ..Updates::default()
        };
    });
    if !handle.is_null() {
        report(device);
    }
}

fn stop(device: usize) {
    let Updates { handle, client, .. } =
        world(|world| std::mem::take(&mut world.model.updates[device]));
    let rc = call(
        Doing::Request,
        client,
        |plan| plan.request_timeout.into(),
        || (api().ota_deinit)(pointer(handle)),
    );
    world(|world| {
        world.note(|line| _ = write!(line, "IOT_OTA_Deinit: {rc}"));
        world.must(rc == 0, "documented results", || {
            format!("IOT_OTA_Deinit: {rc}")
        });
    });
}

fn report(device: usize) {
    let Updates { handle, client, .. } = world(|world| world.model.updates[device].clone());
    let rc = call(
        Doing::Request,
        client,
        |plan| plan.request_timeout.into(),
        // SAFETY: the version is a string.
        || unsafe { (api().ota_report)(pointer(handle), c"1.0".as_ptr()) },
    );
    world(|world| {
        let gone = world.model.updates[device].handle != handle;
        let good = matches!(rc, 0 | code::FAILED) || rc == code::NO_HANDLE && gone;
        world.must(good, "documented results", || {
            format!("IOT_OTA_ReportVersion: {rc}")
        });
    });
}

fn is_fetching(device: usize) -> bool {
    let handle = world(|world| world.model.updates[device].handle);
    (api().ota_is_fetching)(pointer(handle)) == 1
}

/// The answer to a question about the update, if there is one.
fn ask(device: usize, question: c_int) -> Option<u32> {
    let handle = world(|world| world.model.updates[device].handle);
    let mut answer = 0_u32;
    let place: *mut c_void = (&raw mut answer).cast();
    // SAFETY: there is room for a number.
    let rc = unsafe { (api().ota_ask)(pointer(handle), question, place, 4) };
    world(|world| {
        world.must((-3..=0).contains(&rc), "documented results", || {
            format!("IOT_OTA_Ioctl: {rc}")
        });
    });
    (rc == 0).then_some(answer)
}

/// Fetches once, unless another thread does.
fn fetch(device: usize) {
    let Updates {
        handle,
        client,
        fetching,
        ..
    } = world(|world| {
        let updates = &mut world.model.updates[device];
        let before = updates.clone();
        updates.fetching = true;
        before
    });
    if fetching {
        return;
    }
    fetch_alone(device, handle, client);
    world(|world| {
        let updates = &mut world.model.updates[device];
        updates.fetching &= updates.handle != handle;
    });
}

fn fetch_alone(device: usize, handle: usize, client: usize) {
    if world(|world| world.model.updates[device].download.is_none()) {
        let Some(size) = ask(device, question::FILE_SIZE) else {
            return; // another thread has ended it
        };
        world(|world| world.begun(device, handle, size as usize));
    }
    let (room, timeout) = world(|world| {
        let room = [2, 100, 512, 4096][world.rng.usize(..4)];
        (room, world.rng.u32(..3))
    });
    let mut buf = vec![FENCE; room + 8];
    let rc = call(
        Doing::Request,
        client,
        |_| u64::from(timeout) * 1000,
        // SAFETY: the buffer has room for as much.
        || unsafe {
            let place: *mut c_char = buf.as_mut_ptr().cast();
            (api().ota_fetch)(pointer(handle), place, room as u32, timeout)
        },
    );
    world(|world| {
        world.note(|line| _ = write!(line, "IOT_OTA_FetchYield({room}, {timeout} s): {rc}"));
        world.must(
            buf[room..].iter().all(|byte| *byte == FENCE),
            "documented results",
            || "IOT_OTA_FetchYield has written behind its buffer".to_owned(),
        );
    });
    if world(|world| world.model.updates[device].handle != handle) {
        return; // ended by another thread, or in a handler
    }
    match rc {
        0 => {}
        1.. => {
            let len = rc as usize;
            world(|world| {
                let fits = len < room && buf[len] == 0;
                world.must(fits, "documented results", || {
                    format!("{len} bytes in a buffer of {room}")
                });
                world.came(device, &buf[..len.min(room)]);
            });
        }
        _ => {
            let reason = (api().ota_failure)(pointer(handle));
            world(|world| world.failed(device, rc, reason));
            return;
        }
    }
    // The next one may be announced by now.
    if !is_fetching(device) || world(|world| world.is_whole(device)) {
        complete(device);
    }
}

/// An image is there: whether it is the announced one.
fn complete(device: usize) {
    let Some(download) = world(|world| world.model.updates[device].download.take()) else {
        return;
    };
    let config = world(|world| world.site.images[download.image].config);
    let question = if config {
        question::CHECK_CONFIG
    } else {
        question::CHECK_FIRMWARE
    };
    let valid = ask(device, question);
    let next = is_fetching(device);
    world(|world| {
        world.note(|line| _ = write!(line, "{download:?} is complete: {valid:?}"));
        let size = world.site.images[download.image].size;
        let good = download.len == size && download.version == Some(0) && download.wrong == 0;
        let gone = next || world.model.updates[device].handle == 0;
        world.must(
            valid == Some(good.into()) || gone && valid.is_none(),
            "a valid image is the announced one",
            || format!("{download:?} of {size} bytes: {valid:?}"),
        );
        world.stats.images += u64::from(good);
    });
}

impl World {
    /// The download of the image with this size begins.
    fn begun(&mut self, device: usize, handle: usize, size: usize) {
        let image = self.site.images.iter().position(|image| image.size == size);
        let Some(image) = image else {
            return self.violated("images arrive as sent", || {
                format!("an image of {size} bytes was never announced")
            });
        };
        let updates = &mut self.model.updates[device];
        if updates.handle == handle {
            updates.download = Some(Download {
                image,
                version: None,
                len: 0,
                wrong: 0,
            });
        }
    }

    /// Bytes of an image were handed out: they go on where the last ones ended, and are all of one version.
    fn came(&mut self, device: usize, bytes: &[u8]) {
        let Some(mut download) = self.model.updates[device].download else {
            return;
        };
        let Download { image, len, .. } = download;
        let (size, last, spoilt) = {
            let image = &self.site.images[image];
            (image.size, image.version, image.spoilt)
        };
        let wrong = |version: u32| {
            let others = bytes
                .iter()
                .enumerate()
                .filter(|(at, byte)| **byte != web::byte(image, version, len + at));
            others.count()
        };
        let version = download.version.unwrap_or_else(|| {
            (0..=last)
                .min_by_key(|version| wrong(*version))
                .unwrap_or(0)
        });
        download.wrong += wrong(version);
        download.version = Some(version);
        download.len += bytes.len();
        self.must(
            download.wrong <= spoilt && download.len <= size,
            "images arrive as sent",
            || format!("{download:?}"),
        );
        self.model.updates[device].download = Some(download);
    }

    /// Whether all bytes of an image have come.
    fn is_whole(&self, device: usize) -> bool {
        let download = self.model.updates[device].download;
        download.is_some_and(|download| download.len == self.site.images[download.image].size)
    }

    /// A download has failed.
    fn failed(&mut self, device: usize, rc: c_int, reason: c_int) {
        let download = self.model.updates[device].download.take();
        self.note(|line| _ = write!(line, "{download:?} has failed: {reason}"));
        self.must(
            rc == code::FAILED && reason > 0,
            "documented results",
            || format!("IOT_OTA_FetchYield: {rc}, IOT_OTA_GetFailure: {reason}"),
        );
        let version = download.map_or(0, |download| self.site.images[download.image].version);
        let good = !self.plan.is_calm()
            && match reason {
                failure::RESPONSE => false,
                failure::CHANGED => version > 0,
                failure::NO_MEMORY => self.plan.may_lack_memory(),
                _ => true,
            };
        self.must(good, "nothing happens without a reason", || {
            format!("a download has failed although nothing was done to it: {reason}")
        });
    }
}
