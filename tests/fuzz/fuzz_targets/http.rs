//! A response in any pieces, against the same response in one; and URLs: what is read can be asked for, and where a
//! redirection leads can be read.
//!
//! An input is the sizes of the pieces, a base URL, a location, and the response.
#![no_main]

use iotkit::{
    http::{Error, Head, Response},
    wire::http::{Request, Url},
};
use iotkit_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let sizes = input.piece();
    let (base, location) = (input.piece(), input.piece());
    urls(base, location);
    let stream = input.rest();
    let whole = receive(stream, &[]);
    assert_eq!(receive(stream, sizes), whole);
});

type Outcome = Result<(u16, Option<u32>, Vec<u8>, bool, bool), Error>;

/// What comes of a stream in pieces of these sizes; in one, if there are none.
fn receive(stream: &[u8], sizes: &[u8]) -> Outcome {
    let mut sizes = sizes.iter().map(|size| usize::from(*size).max(1)).cycle();
    let mut response = Response::new();
    let (mut head, mut body) = (None, Vec::new());
    let mut rest = stream;
    while !rest.is_empty() {
        let count = sizes.next().unwrap_or(rest.len()).min(rest.len());
        let (piece, left) = rest.split_at(count);
        rest = left;
        let mut bytes = piece.to_vec();
        let remaining = response.remaining();
        let count = response.receive(&mut bytes)?;
        assert!(count <= piece.len());
        assert!(remaining.is_none_or(|most| count as u64 <= u64::from(most)));
        body.extend_from_slice(&bytes[..count]);
        head = head.or(response.take_head());
    }
    response.end()?;
    assert!(response.is_complete());
    let head: Head = head.expect("a complete response has a head");
    assert!((200..1000).contains(&head.status));
    Ok((
        head.status,
        head.length,
        body,
        response.is_complete(),
        response.is_reusable(),
    ))
}

fn urls(base: &[u8], location: &[u8]) {
    let Ok(url) = Url::parse(base) else {
        return;
    };
    assert!(!url.host.is_empty() && url.port > 0);
    let request = Request {
        method: "GET",
        url,
        fields: &[],
    };
    let head = request.emit().expect("what is read can be asked for");
    assert_eq!(head.iter().filter(|byte| **byte == b'\n').count(), 3);
    assert_eq!(head.iter().filter(|byte| **byte == b' ').count(), 3);
    if let Ok(there) = url.resolve(location) {
        let there = Url::parse(&there).expect("where it leads can be read");
        assert!(there.tls || !url.tls, "from TLS to plain text");
    }
}
