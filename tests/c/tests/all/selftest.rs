//! The self-test of a port: it finds nothing wrong with the Linux port, and names what is wrong with one that was broken.

use iotkit_c_tests::{Hal, Outcome, Peer, Program, Run, compile_selftest};
use iotkit_cloud::SelftestPeer;

use crate::common::lamp;

/// How late a call may be here, where other programs want the processor as well.
const SLACK: &str = "slack=1000";

fn peer() -> SelftestPeer {
    SelftestPeer::start(([127, 0, 0, 1], 0).into()).expect("loopback has a free port")
}

fn selftest(program: &Program, peer: &SelftestPeer) -> Run {
    let address = peer.address();
    let platform = Peer {
        address,
        ca_file: None,
    };
    Run::new(program, &lamp(), &platform).args([SLACK, &address.to_string()])
}

/// The lines that tell what is wrong, without their beginning.
fn wrong(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.lines.iter();
    lines
        .filter_map(|line| line.trim_start().strip_prefix("WRONG "))
        .collect()
}

/// Both at once: they wait most of the time.
#[test]
fn nothing_is_wrong_with_the_linux_port_and_with_the_skeleton() {
    let peers = [peer(), peer()];
    let program = Program::sample("hal_selftest", Hal::Tcp);
    let linux = selftest(&program, &peers[0]).start();
    let skeleton = selftest(&Program::skeleton_selftest(), &peers[1]).start();

    let outcome = linux.finish();
    outcome.expect_success();
    assert!(wrong(&outcome).is_empty(), "{outcome}");
    for line in [
        "not run: exhaust: only when it is named",
        "not run: setters: only when it is named",
        "  look  text -7 4000000000: it has to say text -7 4000000000",
    ] {
        assert!(
            outcome.lines.iter().any(|own| own == line),
            "{line}: {outcome}"
        );
    }
    // Ports print into a buffer: a line that is not there to be long keeps to the library's limit, piece by piece.
    let digits: String = (0..126).map(|i| char::from(b'0' + i % 10)).collect();
    let (long, short): (Vec<_>, Vec<_>) = outcome.lines.iter().partition(|line| line.len() > 140);
    assert_eq!(long, [&format!("{digits}{digits}END")], "{outcome}");
    let last = *short.last().expect("it says how it ended");
    assert!(
        last.starts_with("selftest: 3") && last.contains(" right, 0 wrong, 2 to look at, "),
        "{last}"
    );

    selftest(&program, &peers[0])
        .args(["setters"])
        .finish()
        .expect_success();

    let outcome = skeleton.finish();
    outcome.expect_success();
    assert!(wrong(&outcome).is_empty(), "{outcome}");
    let missing: Vec<_> = outcome
        .lines
        .iter()
        .filter(|line| line.ends_with(": not built, see SELFTEST_GROUPS"))
        .map(|line| line.split(": ").nth(1).expect("it names the group"))
        .collect();
    assert_eq!(
        missing,
        ["identity", "version", "udp", "exhaust", "setters"]
    );
}

#[test]
fn each_group_compiles_alone() {
    for group in [
        "TEXT", "MEMORY", "TIME", "RANDOM", "MUTEX", "MODULE", "TCP", "IDENTITY", "VERSION", "UDP",
        "EXHAUST", "SETTERS",
    ] {
        compile_selftest(&format!("SELFTEST_{group}"));
    }
    compile_selftest("SELFTEST_TEXT|SELFTEST_MEMORY");
}

#[test]
fn what_was_not_run_is_told() {
    let program = Program::sample("hal_selftest", Hal::Tcp);
    let run = |words: [&str; 2]| {
        let nowhere = Peer {
            address: ([127, 0, 0, 1], 1).into(),
            ca_file: None,
        };
        Run::new(&program, &lamp(), &nowhere).args(words).finish()
    };
    let outcome = run(["random", "tcp"]);
    outcome.expect_status(2).expect_lines(&[
        "not run: text: not chosen",
        "not run: memory: not chosen",
        "not run: time: not chosen",
        "HAL_Random: range and spread",
        "  ok",
        "HAL_Random: one value, and none",
        "  ok",
        "HAL_Random: a wide range",
        "  ok",
        "HAL_Srandom: seeds differ",
        "  ok",
        "not run: mutex: not chosen",
        "not run: module: not chosen",
        "not run: tcp: no peer was given, HOST:PORT",
        "not run: identity: not chosen",
        "not run: version: not chosen",
        "not run: udp: not chosen",
        "not run: exhaust: only when it is named",
        "not run: setters: only when it is named",
        "selftest: 4 right, 0 wrong, 0 to look at, 0 not run, 1 groups could not be run",
    ]);
    run(["random", "mutex"]).expect_success();
    run(["random", "dance"]).expect_status(2).expect_lines(&[
        "usage: hal_selftest [HOST:PORT] [GROUP...] [slack=MS] [rounds=N], not dance",
    ]);
    // Nobody listens: that is told of the function that is to connect, once for each check.
    let outcome = run(["127.0.0.1:1", "tcp"]);
    outcome.expect_status(1);
    let lines = wrong(&outcome);
    assert_eq!(lines.len(), 13, "{outcome}");
    let told = lines
        .iter()
        .filter(|line| line.contains("HAL_TCP_Establish") && line.contains("returned 0, wanted"));
    assert_eq!(told.count(), 13, "{outcome}");
}

/// A way in which a port is wrong, the groups that look there, and how what they say begins: one line for each text.
type Fault = (&'static str, [&'static str; 2], &'static [&'static str]);

const FAULTS: [Fault; 38] = [
    (
        "malloc-aligns-to-4",
        ["memory", "text"],
        &["HAL_Malloc(1) returned an address that is 4 above a multiple of 8, wanted 0 above"],
    ),
    (
        "malloc-returns-one-block",
        ["memory", "text"],
        &[
            "HAL_Malloc returned blocks that overlap: 15 of 16 were changed through others, wanted 0",
        ],
    ),
    (
        "free-does-nothing",
        ["memory", "text"],
        &["HAL_Free: 1024 bytes were taken and given back "],
    ),
    ("heap-is-small", ["memory", "exhaust"], &[]),
    (
        "heap-stays-full",
        ["exhaust", "text"],
        &["HAL_Malloc(1024) returned NULL after the heap was full and emptied"],
    ),
    (
        "uptime-goes-back",
        ["time", "text"],
        &["HAL_UptimeMs went back by "],
    ),
    (
        "uptime-wraps-with-its-ticks",
        ["time", "text"],
        &["HAL_UptimeMs went back by 42949"],
    ),
    (
        "uptime-is-coarse",
        ["time", "text"],
        &["HAL_UptimeMs goes in steps of 100 ms, wanted 10 or less"],
    ),
    (
        "uptime-stands-still",
        ["time", "text"],
        &["HAL_UptimeMs returned 4711, and after HAL_SleepMs(1100) still"],
    ),
    (
        "uptime-counts-ticks",
        ["time", "tcp"],
        &[
            "HAL_SleepMs(500) by HAL_UptimeMs lasted ",
            "HAL_SleepMs(10), ten times, lasted ",
            "HAL_UptimeMs counted ",
        ],
    ),
    (
        "sleep-counts-ticks",
        ["time", "tcp"],
        &[
            "HAL_SleepMs(500) by HAL_UptimeMs lasted ",
            "HAL_SleepMs(10), ten times, lasted ",
            "HAL_SleepMs(600) by the peer's clock lasted ",
        ],
    ),
    (
        "sleep-cuts-to-ticks",
        ["time", "text"],
        &["HAL_SleepMs(10), ten times, lasted "],
    ),
    (
        "random-includes-its-region",
        ["random", "text"],
        &[
            "HAL_Random(10) returned 10, wanted 0 to 9",
            "HAL_Random(1) returned 1, wanted 0",
        ],
    ),
    (
        "random-is-constant",
        ["random", "text"],
        &[
            "HAL_Random(10) returned 0 in 0 of 1000 calls, wanted about 100",
            "HAL_Random(1073741824), 200 times, returned 4 at most",
            "HAL_Srandom changes nothing",
        ],
    ),
    (
        "random-has-15-bits",
        ["random", "text"],
        &["HAL_Random(1073741824), 200 times, returned 32"],
    ),
    (
        "srandom-does-nothing",
        ["random", "text"],
        &[
            "HAL_Srandom changes nothing: of 4 pairs of seeds, 4 began with the same number, wanted 0",
        ],
    ),
    (
        "mutex-is-null",
        ["mutex", "text"],
        &[
            "HAL_MutexCreate returned NULL for mutex 1 of 16",
            "HAL_MutexDestroy: after 0 mutexes in a row HAL_MutexCreate returned NULL",
        ],
    ),
    (
        "identity-has-no-nul",
        ["identity", "text"],
        &["HAL_GetDeviceName returned 8 and wrote no NUL in the first 33 bytes"],
    ),
    (
        "identity-counts-the-nul",
        ["identity", "text"],
        &["HAL_GetProductKey returned 12, wanted 11, the length of its text"],
    ),
    (
        "identity-cuts-the-longest",
        ["setters", "text"],
        &["HAL_SetDeviceName: of 32 characters that were set, HAL_GetDeviceName returned 31"],
    ),
    (
        "version-fills-too-much",
        ["version", "text"],
        &["HAL_GetFirmwareVesion wrote to byte 33 of its buffer, wanted 32 at most"],
    ),
    (
        "establish-does-not-look",
        ["tcp", "text"],
        &["HAL_TCP_Establish(127.0.0.1, "],
    ),
    (
        "destroy-does-nothing",
        ["tcp", "text"],
        &[
            "HAL_TCP_Destroy: the peer still has 5 connections that were destroyed, wanted 0",
            "HAL_TCP_Destroy: after ",
        ],
    ),
    (
        "destroy-gives-up",
        ["tcp", "text"],
        &[
            "HAL_TCP_Destroy returned -1, wanted 0, whatever state the connection is in",
            "HAL_TCP_Destroy returned -1, wanted 0, whatever state the connection is in",
            "HAL_TCP_Destroy: after ",
        ],
    ),
    (
        "destroy-loses-the-dead",
        ["tcp", "text"],
        &["HAL_TCP_Destroy: after "],
    ),
    (
        "write-sends-half",
        ["tcp", "text"],
        &[
            "HAL_TCP_Write returned 4096 in all, and 2048 came to the peer, 2048 of them as they were sent",
        ],
    ),
    (
        "write-ignores-its-timeout",
        ["tcp", "text"],
        &[
            "HAL_TCP_Write(512 bytes, 300 ms) returned -1 after ",
            "HAL_TCP_Write(512 bytes, 300 ms) to a peer that does not read lasted ",
        ],
    ),
    (
        "write-fails-when-full",
        ["tcp", "text"],
        &["HAL_TCP_Write(512 bytes, 300 ms) returned -1 after "],
    ),
    (
        "write-fails-with-0",
        ["tcp", "text"],
        &["HAL_TCP_Write returned 0 in 10 calls and "],
    ),
    (
        "read-does-not-wait",
        ["tcp", "text"],
        &[
            "HAL_TCP_Read(10 bytes, 250 ms) where nothing comes lasted ",
            "HAL_TCP_Read(20 bytes, 5000 ms) returned ",
            "HAL_TCP_Read(30 bytes, 300 ms) of bytes 60 ms apart lasted ",
        ],
    ),
    (
        "read-returns-the-first-piece",
        ["tcp", "text"],
        &[
            "HAL_TCP_Read(20 bytes, 5000 ms) returned 1 after ",
            "HAL_TCP_Read(30 bytes, 300 ms) of bytes 60 ms apart lasted ",
            "HAL_TCP_Read(10 bytes, 1500 ms) returned 1 where 5 bytes and the end come, wanted 5",
            "HAL_TCP_Read returned 1 after ",
        ],
    ),
    (
        "read-waits-for-each-byte",
        ["tcp", "text"],
        &["HAL_TCP_Read(30 bytes, 300 ms) of bytes 60 ms apart lasted "],
    ),
    (
        "read-ends-with-0",
        ["tcp", "text"],
        &[
            "HAL_TCP_Read returned 0 after ",
            "HAL_TCP_Read returned 0 after ",
        ],
    ),
    (
        "read-drops-what-came",
        ["tcp", "text"],
        &[
            "HAL_TCP_Read(30 bytes, 300 ms) returned 0 while bytes came 60 ms apart",
            "HAL_TCP_Read: of 30 bytes in several calls ",
            "HAL_TCP_Read(10 bytes, 1500 ms) returned 0 where 5 bytes and the end come, wanted 5",
        ],
    ),
    (
        "read-fails-in-silence",
        ["tcp", "text"],
        &[
            "HAL_TCP_Read(10 bytes, 250 ms) returned -1 where nothing comes, wanted 0",
            "HAL_TCP_Read(10 bytes, 1100 ms) returned -1 where nothing comes, wanted 0",
        ],
    ),
    (
        "udp-silence-is-0",
        ["udp", "text"],
        &[
            "HAL_UDP_readTimeout(100 ms) returned 0 after a datagram was cut, wanted -2",
            "HAL_UDP_readTimeout(300 ms) returned 0 where nothing comes, wanted -2",
        ],
    ),
    (
        "udp-close-does-nothing",
        ["udp", "text"],
        &["HAL_UDP_create(127.0.0.1, ", "HAL_UDP_close: after "],
    ),
    ("none", ["tcp", "udp"], &[]),
];

/// All at once: they wait most of the time.
#[test]
fn each_fault_is_named() {
    let porting = include_str!("../../../../docs/porting.md");
    let program = Program::faulty_selftest();
    let start = |fault: &str, groups: [&str; 2]| {
        let peer = peer();
        let run = selftest(&program, &peer).args(groups);
        (peer, run.env("FAULT", fault).start())
    };
    let running: Vec<_> = FAULTS
        .iter()
        .map(|(fault, groups, _)| start(fault, *groups))
        .collect();
    let (_peer, fatal) = start("write-raises-a-signal", ["tcp", "text"]);

    for ((fault, _, expected), (_peer, running)) in FAULTS.iter().zip(running) {
        let outcome = running.finish();
        outcome.expect_status(i32::from(!expected.is_empty()));
        let lines = wrong(&outcome);
        // A clock that is wrong, or a connection that is not closed, has others measured or counted wrongly.
        let follows = matches!(
            *fault,
            "uptime-goes-back" | "uptime-stands-still" | "read-does-not-wait"
        );
        assert!(
            lines.len() == expected.len() || follows && lines.len() > expected.len(),
            "{fault}: {lines:?}"
        );
        for line in &outcome.lines {
            if let Some((_, section)) = line.split_once("see docs/porting.md, ") {
                let heading = format!("## {}", section.trim_matches('\''));
                assert!(porting.contains(&heading), "{heading}");
            }
        }
        for (line, start) in lines.iter().zip(*expected) {
            assert!(line.starts_with(start), "{fault}: {line:?} for {start:?}");
        }
    }
    // A call that ends the program is named by the last line.
    let outcome = fatal.finish();
    assert_eq!(
        outcome.lines.last().map(String::as_str),
        Some(
            "HAL_TCP_Write: the peer has closed (if it ends here: SIGPIPE; send with MSG_NOSIGNAL)"
        ),
        "{outcome}"
    );
}
