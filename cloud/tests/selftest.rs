//! The other end of a port's self-test: each scenario of docs/cloud.md.

mod common;

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use common::PATIENCE;
use iotkit_cloud::SelftestPeer;

fn start() -> SelftestPeer {
    SelftestPeer::start("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn open(peer: &SelftestPeer, scenario: &str) -> TcpStream {
    let mut stream = TcpStream::connect(peer.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(scenario.as_bytes()).unwrap();
    stream
}

fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

fn number(stream: &mut TcpStream) -> u64 {
    let digits: [u8; 8] = read(stream);
    std::str::from_utf8(&digits).unwrap().parse().unwrap()
}

fn expect_end(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_echo_comes_back() {
    let peer = start();
    let mut stream = open(&peer, "echo\nab");
    stream.write_all(b"\n\0").unwrap();
    assert_eq!(&read::<4>(&mut stream), b"ab\n\0");
}

#[test]
fn a_silent_connection_counts_until_it_is_closed() {
    let peer = start();
    let count = || number(&mut open(&peer, "count\n"));
    let silent = open(&peer, "silent\n");
    let begun = Instant::now();
    while count() != 1 {
        assert!(begun.elapsed() < PATIENCE);
    }
    silent
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let error = (&silent).read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(silent);
    while count() != 0 {
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn a_refusing_port_refuses() {
    let peer = start();
    let port = number(&mut open(&peer, "refused\n")) as u16;
    let refusing = SocketAddr::new(peer.address().ip(), port);
    let error = TcpStream::connect(refusing).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn pieces_are_spread_over_time() {
    let begun = Instant::now();
    let peer = start();
    let mut stream = open(&peer, "pieces 5 20\n");
    assert_eq!(read(&mut stream), [0, 1, 2, 3, 4]);
    assert!(begun.elapsed() >= Duration::from_millis(80));
}

#[test]
fn a_connection_ends_after_its_bytes_or_with_a_reset() {
    let peer = start();
    let mut stream = open(&peer, "close 3\n");
    assert_eq!(read(&mut stream), [0, 1, 2]);
    expect_end(&mut stream);
    expect_end(&mut open(&peer, "no such scenario\n"));
    let error = open(&peer, "reset\n").read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn what_is_taken_is_counted_and_compared() {
    let peer = start();
    for (sent, came, right) in [
        (&[0, 1, 2, 3][..], 4, 4),
        (&[0, 1, 3, 3], 4, 2),
        (&[0, 1], 2, 2),
        (&[0, 1, 2, 3, 4], 5, 5),
    ] {
        let mut stream = open(&peer, "take 4\n");
        stream.write_all(sent).unwrap();
        let counted = (number(&mut stream), number(&mut stream));
        assert_eq!(counted, (came, right), "{sent:?}");
    }
}

#[test]
fn a_stopwatch_tells_the_time_between_two_bytes() {
    let peer = start();
    let mut stream = open(&peer, "stopwatch\n.");
    number(&mut stream);
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(50));
    stream.write_all(b".").unwrap();
    let told = u128::from(number(&mut stream));
    assert!(
        (49..=begun.elapsed().as_millis() + 1000).contains(&told),
        "{told}"
    );
}

#[test]
fn a_deaf_peer_takes_no_more_than_the_network_holds() {
    let peer = start();
    let mut stream = open(&peer, "deaf\n");
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let full = loop {
        if let Err(error) = stream.write_all(&[0; 65536]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
}

#[test]
fn datagrams_are_answered_on_the_same_port() {
    let peer = start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(peer.address()).unwrap();
    let mut answer = [0; 2000];
    for (sent, received) in [
        (&b"silent"[..], None),
        (b"echo abc", Some(&b"echo abc"[..])),
        (b"send 3", Some(&[0, 1, 2])),
        (b"send 0", Some(&[])),
    ] {
        socket.send(sent).unwrap();
        if let Some(received) = received {
            let len = socket.recv(&mut answer).unwrap();
            assert_eq!(&answer[..len], received);
        }
    }
}

#[test]
fn a_port_that_is_taken_is_told() {
    let peer = start();
    let address = peer.address();
    let error = SelftestPeer::start(address).err().unwrap();
    let told = format!("cannot listen on {address}");
    assert!(error.to_string().starts_with(&told), "{error}");
}
