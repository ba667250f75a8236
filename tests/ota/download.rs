//! Fetching an image: whole, in pieces, broken off and gone on with, and not at all (reference: ota.md, 7 and 15).

use std::cell::Cell;

use iotkit::{
    services::ota::{Announcement, Failure, Incoming, Kind, Phase, Want},
    time::Instant,
};

use crate::world::{Answer, Request, World, md5};

const URL: &str = "http://ota.example.com/fw.bin?Sig=abc";

fn image(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// A server as it should be: all of the image, or the rest that is asked for.
fn serve(request: &Request, image: &[u8], etag: &str) -> Answer {
    let first = request.first();
    let fresh = request.field("If-Range").is_none_or(|known| known == etag);
    let len = image.len();
    if first == 0 || !fresh {
        return Answer::new(
            &format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nETag: {etag}"),
            image,
        );
    }
    if first >= len {
        let head = format!(
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{len}\r\nContent-Length: 0"
        );
        return Answer::new(&head, b"");
    }
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{}/{len}\r\nContent-Length: {}\r\nETag: {etag}",
        len - 1,
        len - first
    );
    Answer::new(&head, &image[first..])
}

/// Fetches all of it from a server that always says the same.
fn fetch_from(answer: &Answer, size: usize, digest: &str) -> (Vec<u8>, Option<Failure>) {
    let world = World::new(|_| answer.clone());
    let mut ota = world.announce_as(URL, size, digest);
    world.fetch(&mut ota, 500, 1000)
}

#[test]
fn the_request_says_what_is_wanted() {
    let image = image(10);
    let world = World::new(|request| serve(request, &image, "\"1\""));
    let mut ota = world.announce(URL, &image);
    assert_eq!(world.fetch(&mut ota, 100, 1000), (image.clone(), None));
    let requests = world.requests.borrow();
    assert_eq!(
        requests[0].head,
        "GET /fw.bin?Sig=abc HTTP/1.1\r\nHost: ota.example.com\r\n\r\n"
    );
    assert_eq!(requests.len(), 1);
    let (tls, host, port, _) = world.dialed.borrow()[0].clone();
    assert_eq!((tls, &*host, port), (false, "ota.example.com", 80));
}

#[test]
fn scheme_and_port_are_those_of_the_url() {
    for (url, expected) in [
        ("https://h/x", (true, "h", 443)),
        ("https://h:8443/x", (true, "h", 8443)),
        ("http://h:8080/x#part", (false, "h", 8080)),
        ("http://[::1]:81/x", (false, "::1", 81)),
    ] {
        let image = image(3);
        let world = World::new(|request| serve(request, &image, "\"1\""));
        let mut ota = world.announce(url, &image);
        assert_eq!(
            world.fetch(&mut ota, 9, 1000),
            (image.clone(), None),
            "{url}"
        );
        let (tls, host, port, _) = world.dialed.borrow()[0].clone();
        assert_eq!((tls, &*host, port), expected, "{url}");
        assert_eq!(world.requests.borrow()[0].target, "/x", "{url}");
    }
}

#[test]
fn every_buffer_size_gets_every_byte_once() {
    let image = image(1500);
    for room in (1..70).chain([699, 700, 1499, 1500, 1501, 4999]) {
        let world = World::new(|request| serve(request, &image, "\"1\""));
        let mut ota = world.announce(URL, &image);
        assert_eq!(
            world.fetch(&mut ota, room, 1000),
            (image.clone(), None),
            "{room}"
        );
        assert!(ota.is_valid(Kind::Firmware) && !ota.is_valid(Kind::Config));
        assert_eq!(ota.fetched(), 1500);
        assert_eq!(ota.phase(), Phase::Fetched);
    }
}

#[test]
fn every_piece_size_of_the_network_gives_the_same() {
    let image = image(700);
    let len = image.len();
    let chunked: Vec<u8> = image
        .chunks(97)
        .flat_map(|chunk| {
            [
                format!("{:x};x=y\r\n", chunk.len()).into_bytes(),
                chunk.to_vec(),
                b"\r\n".to_vec(),
            ]
            .concat()
        })
        .chain(*b"0\r\nTrailer: x\r\n\r\n")
        .collect();
    let answers = [
        Answer::new(&format!("HTTP/1.1 200 OK\r\ncontent-length:{len}"), &image),
        Answer::new("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked", &chunked),
        Answer::new("HTTP/1.0 200 OK", &image), // ends with the connection
        Answer::new(
            &format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {len}"),
            &image,
        ),
    ];
    for (number, answer) in answers.iter().enumerate() {
        for piece in (1..40).chain([100, 512, 513]) {
            let world = World::new(|_| answer.clone());
            world.piece.set(piece);
            let mut ota = world.announce(URL, &image);
            assert_eq!(
                world.fetch(&mut ota, 256, 1000),
                (image.clone(), None),
                "{number}, {piece}"
            );
            assert!(ota.is_valid(Kind::Firmware));
            assert_eq!(world.requests.borrow().len(), 1, "{number}, {piece}");
        }
    }
}

#[test]
fn a_request_may_go_out_byte_by_byte() {
    let image = image(50);
    let world = World::new(|request| serve(request, &image, "\"1\""));
    world.takes.set(1);
    let mut ota = world.announce(URL, &image);
    assert_eq!(world.fetch(&mut ota, 100, 1000), (image.clone(), None));
}

#[test]
fn a_connection_cut_at_any_byte_is_made_again_and_the_download_goes_on() {
    let image = image(300);
    let whole = serve(&request(0), &image, "\"1\"").bytes.len();
    for cut in 0..whole {
        let first = Cell::new(true);
        let world = World::new(|request| {
            let mut answer = serve(request, &image, "\"1\"");
            if first.take() {
                answer.cut = Some(cut);
            }
            answer
        });
        let mut ota = world.announce(URL, &image);
        assert_eq!(
            world.fetch(&mut ota, 128, 1000),
            (image.clone(), None),
            "{cut}"
        );
        let requests = world.requests.borrow();
        assert_eq!(requests.len(), 2, "{cut}");
        let got = cut.saturating_sub(whole - 300);
        let range = (got > 0).then(|| format!("bytes={got}-"));
        assert_eq!(requests[1].field("Range"), range.as_deref(), "{cut}");
        assert_eq!(
            requests[1].field("If-Range"),
            range.map(|_| "\"1\""),
            "{cut}"
        );
    }
}

fn request(first: usize) -> Request {
    Request {
        target: String::new(),
        head: if first == 0 {
            String::new()
        } else {
            format!("Range: bytes={first}-\r\n")
        },
    }
}

#[test]
fn a_link_that_is_cut_again_and_again_brings_the_image_in_the_end() {
    let image = image(100_000);
    let cuts = Cell::new(0_usize);
    let world = World::new(|request| {
        cuts.set(cuts.get() + 1);
        let mut answer = serve(request, &image, "\"1\"");
        answer.cut = Some(700 + cuts.get() * 37 % 900);
        answer
    });
    let mut ota = world.announce(URL, &image);
    let start = world.now();
    assert_eq!(world.fetch(&mut ota, 1000, 1000), (image.clone(), None));
    assert!(cuts.get() > 50);
    assert_eq!(
        world.now(),
        start,
        "as long as bytes come, nothing is waited for"
    );
}

#[test]
fn a_server_without_ranges_is_read_from_the_start_and_each_byte_is_handed_out_once() {
    let image = image(5000);
    let times = Cell::new(0);
    let world = World::new(|_| {
        times.set(times.get() + 1);
        let mut answer = serve(&request(0), &image, "\"1\"");
        answer.cut = (times.get() < 4).then_some(1000 * times.get());
        answer
    });
    let mut ota = world.announce(URL, &image);
    assert_eq!(world.fetch(&mut ota, 300, 1000), (image.clone(), None));
    assert!(ota.is_valid(Kind::Firmware));
    assert_eq!(world.requests.borrow().len(), 4);
}

#[test]
fn an_image_that_changes_meanwhile_is_given_up() {
    let image = image(400);
    let old = "HTTP/1.1 200 OK\r\nContent-Length: 400\r\nETag: \"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT";
    for (new, failure) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 400\r\nETag: \"2\"",
            Some(Failure::Changed),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 401\r\nETag: \"1\"",
            Some(Failure::Changed),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 400\r\nLast-Modified: Tue, 02 Jan 2024 00:00:00 GMT",
            Some(Failure::Changed),
        ),
        (
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 100-400/401\r\nContent-Length: 300",
            Some(Failure::Changed),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 400", None), // nothing says that it has
    ] {
        let times = Cell::new(0);
        let world = World::new(|_| {
            times.set(times.get() + 1);
            if times.get() == 1 {
                let mut answer = Answer::new(old, &image);
                answer.cut = Some(answer.bytes.len() - 300);
                answer
            } else {
                Answer::new(new, &image)
            }
        });
        let mut ota = world.announce(URL, &image);
        let (fetched, why) = world.fetch(&mut ota, 128, 1000);
        assert_eq!(why, failure, "{new}");
        assert_eq!(
            fetched,
            image[..if failure.is_some() { 100 } else { 400 }],
            "{new}"
        );
        assert_eq!(ota.is_valid(Kind::Firmware), failure.is_none());
        assert_eq!(ota.fetched() as usize, fetched.len());
    }
}

#[test]
fn if_range_names_what_a_server_may_compare() {
    for (fields, validator) in [
        (
            "ETag: \"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT",
            Some("\"1\""),
        ),
        (
            "ETag: W/\"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT",
            Some("Mon, 01 Jan 2024 00:00:00 GMT"),
        ),
        ("ETag: W/\"1\"", None),
        ("X: y", None),
    ] {
        let image = image(10);
        let times = Cell::new(0);
        let world = World::new(|_| {
            times.set(times.get() + 1);
            let mut answer = Answer::new(
                &format!("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n{fields}"),
                &image,
            );
            answer.cut = (times.get() == 1).then_some(answer.bytes.len() - 3);
            answer
        });
        let mut ota = world.announce(URL, &image);
        assert_eq!(world.fetch(&mut ota, 128, 1000), (image.clone(), None));
        assert_eq!(world.requests.borrow()[1].field("Range"), Some("bytes=7-"));
        assert_eq!(
            world.requests.borrow()[1].field("If-Range"),
            validator,
            "{fields}"
        );
    }
}

#[test]
fn only_200_and_206_are_firmware() {
    let page = b"<html>not here</html>";
    for status in [204, 304, 400, 401, 403, 404, 410, 418, 500, 502, 503] {
        let head = format!(
            "HTTP/1.1 {status} Some Words\r\nContent-Length: {}",
            page.len()
        );
        let (fetched, why) = fetch_from(&Answer::new(&head, page), page.len(), &md5(page));
        assert_eq!((fetched, why), (vec![], Some(Failure::Status(status))));
    }
    for head in [
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 21\r\nContent-Range: bytes 0-20/21", // nobody asked
        "HTTP/1.1 200 OK\r\nContent-Length: -1",
        "HTTP/1.1 200 OK\r\nContent-Length: 21\r\nContent-Length: 22",
        "FTP/1.1 200 OK",
        "HTTP/1.1 20 OK",
    ] {
        let (fetched, why) = fetch_from(&Answer::new(head, page), page.len(), &md5(page));
        assert_eq!((fetched, why), (vec![], Some(Failure::Response)), "{head}");
    }
}

#[test]
fn a_part_that_was_not_asked_for_is_none() {
    for range in ["bytes 101-399/400", "bytes 300-399/400"] {
        let image = image(400);
        let times = Cell::new(0);
        let world = World::new(|_| {
            times.set(times.get() + 1);
            if times.get() == 1 {
                let mut answer = serve(&request(0), &image, "\"1\"");
                answer.cut = Some(answer.bytes.len() - 300);
                answer
            } else {
                Answer::new(
                    &format!("HTTP/1.1 206 Partial Content\r\nContent-Range: {range}"),
                    &image,
                )
            }
        });
        let mut ota = world.announce(URL, &image);
        let (fetched, why) = world.fetch(&mut ota, 128, 1000);
        assert_eq!(
            (&*fetched, why),
            (&image[..100], Some(Failure::Response)),
            "{range}"
        );
    }
}

#[test]
fn redirections_are_followed_up_to_five() {
    let image = image(20);
    for count in 0..8 {
        let world = World::new(|request| match request.target.strip_prefix("/step") {
            _ if request.target == "/fw.bin?Sig=abc" && count > 0 => Answer::new(
                "HTTP/1.1 302 Found\r\nLocation: /step1\r\nContent-Length: 3",
                b"no!",
            ),
            Some(step) if step != count.to_string() => {
                let next = step.parse::<u32>().expect("a number") + 1;
                Answer::new(
                    &format!("HTTP/1.1 307 Temporary\r\nlocation: http://other:81/step{next}"),
                    b"",
                )
            }
            _ => serve(request, &image, "\"1\""),
        });
        let mut ota = world.announce(URL, &image);
        let (fetched, why) = world.fetch(&mut ota, 128, 1000);
        if count <= 5 {
            assert_eq!((fetched, why), (image.clone(), None), "{count}");
        } else {
            assert_eq!((fetched, why), (vec![], Some(Failure::Redirect)), "{count}");
        }
        assert_eq!(world.requests.borrow().len(), 1 + count.min(5), "{count}");
    }
}

#[test]
fn a_redirection_to_nowhere_is_a_failure() {
    for (url, location) in [
        ("https://h/x", "Location: http://h/x\r\n"), // never from TLS to plain text
        (URL, "Location: ftp://h/x\r\n"),
        (URL, "Location: http://user@h/x\r\n"),
        (URL, ""),
    ] {
        let world = World::new(|_| {
            Answer::new(
                &format!("HTTP/1.1 301 Moved\r\n{location}Content-Length: 0"),
                b"",
            )
        });
        let mut ota = world.announce(url, b"abc");
        assert_eq!(
            world.fetch(&mut ota, 128, 1000),
            (vec![], Some(Failure::Redirect)),
            "{location}"
        );
        assert_eq!(world.requests.borrow().len(), 1);
    }
}

/// Places that redirections lead to may hold for a short time only.
#[test]
fn after_a_break_it_begins_at_the_announced_url() {
    let image = image(200);
    let times = Cell::new(0);
    let world = World::new(|request| {
        if request.target != "/other" {
            return Answer::new("HTTP/1.1 302 Found\r\nLocation: /other", b"");
        }
        times.set(times.get() + 1);
        let mut answer = serve(request, &image, "\"1\"");
        answer.cut = (times.get() == 1).then_some(answer.bytes.len() - 150);
        answer
    });
    let mut ota = world.announce(URL, &image);
    assert_eq!(world.fetch(&mut ota, 128, 1000), (image.clone(), None));
    let targets: Vec<_> = world
        .requests
        .borrow()
        .iter()
        .map(|request| request.target.clone())
        .collect();
    assert_eq!(
        targets,
        ["/fw.bin?Sig=abc", "/other", "/fw.bin?Sig=abc", "/other"]
    );
}

#[test]
fn an_image_that_is_shorter_than_announced_is_a_failure_and_a_longer_one_is_cut() {
    let image = image(100);
    let world = World::new(|request| serve(request, &image, "\"1\""));
    let mut ota = world.announce_as(URL, 101, &md5(&image));
    assert_eq!(
        world.fetch(&mut ota, 64, 1000),
        (image.clone(), Some(Failure::Size))
    );
    assert_eq!(world.requests.borrow().len(), 2, "the rest was asked for");

    let world = World::new(|_| serve(&request(0), &image, "\"1\""));
    let mut ota = world.announce_as(URL, 101, &md5(&image));
    assert_eq!(
        world.fetch(&mut ota, 64, 1000),
        (image.clone(), Some(Failure::Size))
    );

    let world = World::new(|request| serve(request, &image, "\"1\""));
    let mut ota = world.announce_as(URL, 99, &md5(&image[..99]));
    assert_eq!(
        world.fetch(&mut ota, 64, 1000),
        (image[..99].to_vec(), None)
    );

    let empty = Answer::new("HTTP/1.1 200 OK\r\nContent-Length: 0", b"");
    assert_eq!(fetch_from(&empty, 5, "0"), (vec![], Some(Failure::Size)));
}

#[test]
fn a_wrong_digest_is_a_failure_once_all_is_there() {
    let image = image(100);
    let world = World::new(|request| serve(request, &image, "\"1\""));
    let mut ota = world.announce_as(URL, 100, &md5(b"another"));
    assert_eq!(
        world.fetch(&mut ota, 64, 1000),
        (image.clone(), Some(Failure::Digest))
    );
    assert!(!ota.is_valid(Kind::Firmware));
    assert_eq!(ota.md5().to_str(), Ok(&*md5(b"another")));
}

/// ota-15: a call returns in its time, whatever the server does, and does not keep the thread busy.
#[test]
fn a_silent_server_is_waited_for_and_then_asked_again() {
    let image = image(300);
    let whole = serve(&request(0), &image, "\"1\"").bytes.len();
    for stall in [0, 5, whole - 300, whole - 200] {
        for waits in [true, false] {
            let times = Cell::new(0);
            let world = World::new(|request| {
                times.set(times.get() + 1);
                let mut answer = serve(request, &image, "\"1\"");
                answer.stall = (times.get() == 1).then_some(stall);
                answer
            });
            world.waits.set(waits);
            let mut ota = world.announce(URL, &image);
            let start = world.now();
            let fetched = world.fetch_and(&mut ota, 1000, 700, |ms, calls| {
                assert!(ms <= 700, "{stall}");
                assert!(calls < 1000, "{stall}: busy");
            });
            assert_eq!(fetched, (image.clone(), None), "{stall}");
            let took = world.now() - start;
            assert!((30_000..32_000).contains(&took), "{stall}: {took}");
        }
    }
}

/// Moments are compared within 24 days, but an application may be away for longer.
#[test]
fn an_image_that_was_announced_weeks_ago_is_fetched_at_once() {
    let payload = format!(
        r#"{{"message":"success","data":{{"version":"2","url":"{URL}","size":1,"md5":"0"}}}}"#
    );
    let parsed = Announcement::parse(Incoming::Upgrade, payload.as_bytes());
    let (announcement, url) = parsed.expect("an announcement");
    let start = Instant::from_millis(0);
    let download = announcement.download(url, start);
    for days in [0, 1, 24, 25, 40, 49] {
        let want = download.want(100, start.after(days * 86_400_000));
        assert!(matches!(want, Want::Dial(_)), "after {days} days: {want:?}");
    }
}

/// What counts is how long nothing was taken, not how long that was offered.
#[test]
fn a_port_that_takes_nothing_for_a_while_is_asked_again() {
    let image = image(300);
    for waits in [true, false] {
        let world = World::new(|request| serve(request, &image, "\"1\""));
        world.waits.set(waits);
        world.takes.set(0);
        let mut ota = world.announce(URL, &image);
        let start = world.now();
        while world.now() - start < 20_000 {
            let (before, calls) = (world.now(), world.calls.get());
            assert_eq!(world.step(&mut ota, 1000, 700), Ok(vec![]));
            assert!(world.now() - before <= 700);
            assert!(world.calls.get() - calls < 1000, "busy");
        }
        world.takes.set(usize::MAX);
        assert_eq!(world.fetch(&mut ota, 1000, 700), (image.clone(), None));
        assert_eq!(world.dialed.borrow().len(), 1, "waits: {waits}");
    }
}

#[test]
fn a_slow_server_fills_the_time_of_each_call() {
    let image = image(100);
    let world = World::new(|request| Answer {
        slow: 20,
        ..serve(request, &image, "\"1\"")
    });
    let mut ota = world.announce(URL, &image);
    let fetched = world.fetch_and(&mut ota, 1000, 300, |ms, _| assert!(ms <= 300));
    assert_eq!(fetched, (image.clone(), None));
    assert_eq!(world.requests.borrow().len(), 1);
}

#[test]
fn without_time_it_looks_once() {
    let image = image(10);
    let world = World::new(|request| serve(request, &image, "\"1\""));
    let mut ota = world.announce(URL, &image);
    let mut calls = 0;
    let fetched = world.fetch_and(&mut ota, 100, 0, |ms, _| {
        calls += 1;
        assert!(ms <= 1);
    });
    assert_eq!(fetched, (image.clone(), None));
    assert_eq!(calls, 3, "connect, send, receive");
}

/// Connecting has no time limit, so nothing else is begun when it has taken all of it.
#[test]
fn connecting_may_take_the_time_of_a_call() {
    let image = image(10);
    let world = World::new(|request| serve(request, &image, "\"1\""));
    world.dial_takes.set(5000);
    let mut ota = world.announce(URL, &image);
    assert_eq!(world.step(&mut ota, 100, 1000), Ok(vec![]));
    assert_eq!(world.requests.borrow().len(), 0);
    assert_eq!(world.step(&mut ota, 100, 1000), Err((image.clone(), None)));
}

#[test]
fn a_server_that_cannot_be_reached_is_tried_ever_more_seldom_and_given_up() {
    let world = World::new(|_| unreachable!("there is no connection"));
    world.refuses.set(u32::MAX);
    let mut ota = world.announce(URL, b"abc");
    let start = world.now();
    assert_eq!(
        world.fetch(&mut ota, 100, 1000),
        (vec![], Some(Failure::NoConnection))
    );
    let at: Vec<_> = world
        .dialed
        .borrow()
        .iter()
        .map(|(.., at)| at - start)
        .collect();
    assert_eq!(
        at,
        [0, 0, 1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000]
    );

    // Bytes that come meanwhile begin the count anew.
    let image = image(10);
    let times = Cell::new(0);
    let world = World::new(|request| {
        times.set(times.get() + 1);
        let mut answer = serve(request, &image, "\"1\"");
        if times.get() % 6 != 0 {
            answer.cut = Some(0);
        } else if times.get() < 60 {
            answer.cut = Some(answer.bytes.len() - request_left(request, 10) + 1);
        }
        answer
    });
    let mut ota = world.announce(URL, &image);
    assert_eq!(world.fetch(&mut ota, 100, 1000), (image.clone(), None));
    assert_eq!(world.requests.borrow().len(), 60);
}

fn request_left(request: &Request, len: usize) -> usize {
    len - request.first()
}

#[test]
fn what_is_there_is_handed_out_before_the_connection_is_made_again() {
    let image = image(100);
    let world = World::new(|request| {
        let mut answer = serve(request, &image, "\"1\"");
        answer.cut = (request.first() == 0).then_some(answer.bytes.len() - 60);
        answer
    });
    world.dial_takes.set(60_000);
    let mut ota = world.announce(URL, &image);
    assert_eq!(world.step(&mut ota, 100, 1000), Ok(vec![]));
    assert_eq!(world.step(&mut ota, 100, 1000), Ok(image[..40].to_vec()));
    assert_eq!(world.dialed.borrow().len(), 1);
}
