//! What announces an image and what does not, and what the device says (reference: ota.md, 4, 12 and 15).

use iotkit::{
    services::ota::{
        Announcement, Bad, Failure, Image, Incoming, Kind, Ota, Payload, Phase, config_query,
        inform, progress, reply,
    },
    text::Full,
};

const UPGRADE: &str = r#"{"code":"1000","data":{"size":432945,"version":"2.0.0","url":"https:\/\/ota.example.com/fw.bin?Sig=a\u0026b","md5":"93230c3bde425a9d7984a594ac55ea1e","sign":"93230c3bde425a9d7984a594ac55ea1e","signMethod":"Md5"},"id":1507707025,"message":"success"}"#;

const PUSH: &str = r#"{"id":"123","version":"1.0","params":{"configId":"c-18","configSize":88,"sign":"5d41","signMethod":"Md5","url":"https://cfg.example.com/c-18","getType":"file"},"method":"thing.config.push"}"#;

const GET_REPLY: &str = r#"{"id":"0","version":"1.0","code":200,"data":{"configId":"c-17","configSize":"1203","sign":"5d41","signMethod":"Sha256","url":"https://cfg.example.com/c-17","getType":"file"}}"#;

fn parse(topic: Incoming, text: &str) -> Result<Announcement, Bad> {
    Announcement::parse(topic, text.as_bytes()).map(|(announcement, _)| announcement)
}

#[test]
fn firmware_is_announced() {
    for topic in [Incoming::Upgrade, Incoming::Request] {
        let (announcement, url) =
            Announcement::parse(topic, UPGRADE.as_bytes()).expect("an announcement");
        assert_eq!(announcement.kind(), Kind::Firmware);
        assert_eq!(announcement.size, 432_945);
        assert_eq!(
            announcement.sign.to_bytes(),
            b"93230c3bde425a9d7984a594ac55ea1e"
        );
        assert_eq!(
            url.to_bytes(),
            b"https://ota.example.com/fw.bin?Sig=a&b",
            "escapes are resolved"
        );
        let Image::Firmware { version } = announcement.image else {
            panic!("firmware");
        };
        assert_eq!(version.to_bytes(), b"2.0.0");
    }
}

#[test]
fn a_configuration_is_announced_or_asked_for() {
    for (topic, text, expected) in [
        (
            Incoming::ConfigPush,
            PUSH,
            ("c-18", 88, "Md5", "https://cfg.example.com/c-18"),
        ),
        (
            Incoming::ConfigReply,
            GET_REPLY,
            ("c-17", 1203, "Sha256", "https://cfg.example.com/c-17"),
        ),
        (
            Incoming::ConfigReply,
            &GET_REPLY.replace("200", "\"200\""),
            ("c-17", 1203, "Sha256", "https://cfg.example.com/c-17"),
        ),
    ] {
        let (announcement, url) =
            Announcement::parse(topic, text.as_bytes()).expect("an announcement");
        assert_eq!(announcement.kind(), Kind::Config);
        let Image::Config {
            id,
            sign_method,
            get_type,
        } = announcement.image
        else {
            panic!("a configuration");
        };
        let found = [id, sign_method, url].map(|text| text.into_string().expect("UTF-8"));
        assert_eq!(
            (&*found[0], announcement.size, &*found[1], &*found[2]),
            expected
        );
        assert_eq!(get_type.to_bytes(), b"file");
    }
}

#[test]
fn every_mandatory_member_must_be_there_and_not_be_empty() {
    for (topic, text, members) in [
        (
            Incoming::Upgrade,
            UPGRADE,
            &["size", "version", "url", "md5"][..],
        ),
        (
            Incoming::ConfigPush,
            PUSH,
            &[
                "configId",
                "configSize",
                "sign",
                "signMethod",
                "url",
                "getType",
            ],
        ),
    ] {
        for member in members {
            let without = text.replace(&format!("\"{member}\":"), "\"other\":");
            assert_eq!(parse(topic, &without).err(), Some(Bad::Member(member)));
            let document: serde_json::Value = serde_json::from_str(text).expect("JSON");
            for empty in ["".into(), serde_json::Value::Null, 0.into(), true.into()] {
                let mut document = document.clone();
                let object = if topic == Incoming::Upgrade {
                    "data"
                } else {
                    "params"
                };
                document[object][*member] = empty;
                let found = parse(topic, &document.to_string()).err();
                assert_eq!(found, Some(Bad::Member(member)), "{document}");
            }
        }
    }
    for object in ["data", "message"] {
        let without = UPGRADE.replace(&format!("\"{object}\":"), "\"other\":");
        assert!(parse(Incoming::Upgrade, &without).is_err());
    }
}

#[test]
fn sizes_may_be_quoted_and_are_of_32_bits() {
    for (size, expected) in [
        ("1", Some(1)),
        ("\"1\"", Some(1)),
        ("\"4294967295\"", Some(u32::MAX)),
        ("4294967295", Some(u32::MAX)),
        ("4294967296", None),
        ("99999999999999999999", None),
        ("0", None),
        ("\"0\"", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("\"12a\"", None),
        ("\" 12\"", None),
        ("[]", None),
    ] {
        let text = UPGRADE.replace("432945", size);
        let found = parse(Incoming::Upgrade, &text).map(|it| it.size);
        assert_eq!(found, expected.ok_or(Bad::Member("size")), "{size}");
    }
}

#[test]
fn an_md5_has_32_characters_at_most() {
    let digits = "93230c3bde425a9d7984a594ac55ea1e";
    let text = |md5: &str| {
        UPGRADE.replace(
            &format!("\"md5\":\"{digits}\""),
            &format!("\"md5\":\"{md5}\""),
        )
    };
    assert!(parse(Incoming::Upgrade, &text("9")).is_ok());
    assert!(parse(Incoming::Upgrade, &text(digits)).is_ok());
    let found = parse(Incoming::Upgrade, &text(&format!("{digits}0"))).err();
    assert_eq!(found, Some(Bad::Member("md5")));
}

#[test]
fn places_that_cannot_be_fetched_from_are_turned_down() {
    for url in [
        "ftp://h/x",
        "h/x",
        "http://",
        "https://u:p@h/x",
        "http://h/a b",
        "http://h/\\r\\nX: y",
        "http://h/\\u0000",
    ] {
        let text = PUSH.replace("https://cfg.example.com/c-18", url);
        assert_eq!(
            parse(Incoming::ConfigPush, &text).err(),
            Some(Bad::Member("url")),
            "{url}"
        );
    }
}

#[test]
fn answers_that_are_no_announcements_change_nothing() {
    let refused = UPGRADE.replace("success", "failed");
    assert_eq!(parse(Incoming::Upgrade, &refused).err(), Some(Bad::Refused));
    for text in [
        r#"{"code":"1000","data":{},"id":1,"message":"success"}"#,
        r#"{"id":0,"params":{"version":"1.0"}}"#, // one's own question, sent back
        r#"{"message":"no new image"}"#,
    ] {
        assert_eq!(
            parse(Incoming::Request, text).err(),
            Some(Bad::Nothing),
            "{text}"
        );
    }
    for code in ["400", "\"400\"", "2000", "20", "null"] {
        let text = GET_REPLY.replace("200", code);
        assert_eq!(
            parse(Incoming::ConfigReply, &text).err(),
            Some(Bad::Refused),
            "{code}"
        );
    }
    for text in [
        "",
        "{",
        "nonsense",
        "{\"data\":{}",
        &UPGRADE[..UPGRADE.len() - 1],
    ] {
        assert_eq!(
            parse(Incoming::Upgrade, text).err(),
            Some(Bad::Malformed),
            "{text}"
        );
    }
    assert!(parse(Incoming::Upgrade, "[]").is_err());
    assert!(parse(Incoming::ConfigPush, &PUSH.replace("params", "data")).is_err());
}

/// What is put together, or `None` if it has no place.
fn said(fill: impl FnOnce(&mut Payload) -> Result<(), Full>) -> Option<String> {
    let mut payload = Payload::new();
    fill(&mut payload).ok()?;
    Some(String::from_utf8(payload.as_bytes().to_vec()).expect("UTF-8"))
}

#[test]
fn what_the_device_says_is_json_whatever_is_in_it() {
    let read = |text: Option<String>| -> serde_json::Value {
        serde_json::from_str(&text.expect("short enough")).expect("JSON")
    };
    let version = "\"\\\u{1}\n/é";
    let text = read(said(|to| inform(to, version.as_bytes())));
    assert_eq!(text["params"]["version"], version);
    let text = read(said(|to| progress(to, -2, version.as_bytes())));
    assert_eq!(text["params"]["desc"], version);
    assert_eq!(text["params"]["step"], "-2");
    let text = read(said(|to| config_query(to, b"pro\"duct", b"fi\\le", b"\t")));
    assert_eq!(text["params"]["attributeKeys"], "\t");

    assert_eq!(
        said(|to| inform(to, b"1.2.3")).as_deref(),
        Some(r#"{"id":0,"params":{"version":"1.2.3"}}"#)
    );
    assert_eq!(
        said(|to| progress(to, 10, b"")).as_deref(),
        Some(r#"{"id":0,"params":{"step":"10","desc":""}}"#)
    );
    assert_eq!(
        said(|to| config_query(to, b"product", b"file", b"")).as_deref(),
        Some(
            r#"{"id" : 0,"version":"1.0","params":{"configScope":"product","getType":"file","attributeKeys":""},"method":"thing.config.get"}"#
        )
    );
}

#[test]
fn lengths_are_limited() {
    let version = |version: &[u8]| said(|to| inform(to, version));
    assert!(version(b"").is_none());
    assert!(version(&[b'1'; 32]).is_some());
    assert!(version(&[1; 32]).is_some(), "escaped");
    assert!(version(&[b'1'; 33]).is_none());

    let around = said(|to| progress(to, 0, b"")).expect("short").len();
    let longest = vec![b'd'; 255 - around];
    let text = said(|to| progress(to, 0, &longest)).expect("255 bytes");
    assert_eq!(text.len(), 255);
    assert!(said(|to| progress(to, 0, &[&longest[..], b"d"].concat())).is_none());

    assert!(said(|to| config_query(to, &[b'a'; 141], b"", b"")).is_some());
    assert!(said(|to| config_query(to, &[b'a'; 160], b"", b"")).is_none());
}

#[test]
fn a_push_is_answered_with_its_own_id() {
    let reply = |payload: &str, accepted| said(|to| reply(to, payload.as_bytes(), accepted));
    assert_eq!(
        reply(PUSH, true).as_deref(),
        Some(r#"{"id":"123","code":200,"data":{}}"#)
    );
    assert_eq!(
        reply(PUSH, false).as_deref(),
        Some(r#"{"id":"123","code":400,"data":{}}"#)
    );
    assert_eq!(
        reply(r#"{"id":7}"#, false).as_deref(),
        Some(r#"{"id":7,"code":400,"data":{}}"#)
    );
    assert_eq!(reply(r#"{"id":{}}"#, false), None);
    assert_eq!(reply("{}", true), None);
    let long = format!(r#"{{"id":"{}"}}"#, "1".repeat(250));
    assert_eq!(reply(&long, true), None);
}

/// One image at a time; the next may follow when it is there, or when fetching it has failed.
#[test]
fn an_announcement_waits_for_nobody() {
    let mut ota: Ota<u8> = Ota::new();
    let first = parse(Incoming::Upgrade, UPGRADE).expect("an announcement");
    assert_eq!(ota.announced(first.clone(), 1), Ok(()));
    let config = parse(Incoming::ConfigPush, PUSH).expect("an announcement");
    assert_eq!(ota.announced(config.clone(), 2), Err(Bad::Busy));
    assert_eq!((ota.take_download(), ota.size()), (Some(1), 432_945));
    assert_eq!(
        ota.announced(config.clone(), 2),
        Err(Bad::Busy),
        "somebody is at it"
    );
    assert_eq!(ota.version().to_bytes(), b"2.0.0");

    ota.ended(7, Err(Failure::Closed));
    assert_eq!((ota.phase(), ota.fetched()), (Phase::Fetched, 7));
    assert_eq!(ota.announced(config, 2), Ok(()));
    assert_eq!(
        (ota.phase(), ota.fetched(), ota.failure()),
        (Phase::Fetching, 0, None)
    );
    assert_eq!(
        (ota.version().to_bytes(), ota.md5().to_bytes()),
        (&b""[..], &b""[..])
    );
}
