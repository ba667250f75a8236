//! The application's messages to the web server, one after the other.

use std::{
    ffi::{c_char, c_int},
    fmt::Write as _,
};

use crate::{
    app::{api, call, pointer},
    plan::Plan,
    world::{Doing, world},
};

/// What an application has of it.
#[derive(Debug, Default)]
pub(crate) struct Http {
    handle: usize,
    /// A thread is at it; the library turns others away.
    busy: bool,
    authed: bool,
}

/// What stands behind a buffer.
const FENCE: u8 = 0x5c;

/// As long as all that a call may do: two logins, two messages and a report, each on a new connection that is slow to
/// open, and told of late.
fn limit(_: &Plan) -> u64 {
    200_000
}

/// One thing that an application does with the web server.
pub(crate) fn step(client: usize) {
    let free = world(|world| !std::mem::replace(&mut world.model.http.busy, true));
    if !free {
        return;
    }
    let (handle, authed) = world(|world| (world.model.http.handle, world.model.http.authed));
    if handle == 0 {
        start(client);
    } else if !authed {
        log_in(client, handle);
    } else {
        match world(|world| world.rng.u8(..40)) {
            0 => stop(client),
            1 => call(Doing::Request, client, limit, || {
                (api().http_disconnect)(pointer(handle));
            }),
            _ => post(client, handle),
        }
    }
    world(|world| world.model.http.busy = false);
}

/// Gives back what there is.
pub(crate) fn finish() {
    if world(|world| world.model.http.handle) != 0 {
        stop(0);
    }
}

fn start(client: usize) {
    let handle = call(Doing::Request, client, limit, || (api().http_init)());
    world(|world| {
        world.note(|line| _ = write!(line, "IOT_HTTP_Init: {handle:?}"));
        let good = !handle.is_null() || world.plan.may_lack_memory();
        world.must(good, "documented results", || {
            "IOT_HTTP_Init failed".to_owned()
        });
        world.model.http.handle = handle.addr();
        world.model.http.authed = false;
    });
}

fn stop(client: usize) {
    let mut handle = pointer(world(|world| world.model.http.handle));
    call(Doing::Request, client, limit, || {
        // SAFETY: the handle is in a place of its own.
        unsafe { (api().http_deinit)(&raw mut handle) };
    });
    world(|world| {
        world.note(|line| line.push_str("IOT_HTTP_DeInit"));
        world.model.http.handle = 0;
    });
}

fn log_in(client: usize, handle: usize) {
    let rc = call(Doing::Request, client, limit, || {
        (api().http_auth)(pointer(handle))
    });
    judge(rc, "IOT_HTTP_DeviceNameAuth");
    world(|world| world.model.http.authed = rc == 0);
}

fn post(client: usize, handle: usize) {
    let (number, mut payload, room, timeout) = world(|world| {
        let number = world.site.posts.len();
        let mut payload = format!("h{number:07}").into_bytes();
        payload.resize(8 + world.rng.usize(..300), b'x');
        payload.push(0);
        world.site.posts.push((payload.clone(), false));
        let room = [30, 100, 256][world.rng.usize(..3)];
        (number, payload, room, 500 + world.rng.u32(..3000))
    });
    let mut answer = vec![FENCE; room + 8];
    let rc = call(
        Doing::Request,
        client,
        limit,
        // SAFETY: payload and answer have the lengths that are given.
        || unsafe {
            let text: *mut c_char = payload.as_mut_ptr().cast();
            let place: *mut c_char = answer.as_mut_ptr().cast();
            let (len, room) = (payload.len() as u32, room as u32);
            (api().http_send)(pointer(handle), text, len, place, room, timeout)
        },
    );
    world(|world| {
        world.must(
            answer[room..].iter().all(|byte| *byte == FENCE),
            "documented results",
            || "IOT_HTTP_SendMessage has written behind its buffer".to_owned(),
        );
        let taken = world.site.posts[number].1;
        world.must(taken || rc != 0, "a message that was taken arrived", || {
            format!("message {number} did not")
        });
    });
    // An answer that does not fit the buffer cannot be read.
    if room > 30 {
        judge(rc, "IOT_HTTP_SendMessage");
    }
    if rc != 0 && world(|world| world.rng.bool()) {
        world(|world| world.model.http.authed = false);
    }
}

/// Whatever fails has a reason.
fn judge(rc: c_int, what: &'static str) {
    world(|world| {
        world.note(|line| _ = write!(line, "{what}: {rc}"));
        let calm = world.plan.is_calm();
        world.must(rc == 0 || !calm, "nothing happens without a reason", || {
            format!("{what}: {rc}")
        });
    });
}
