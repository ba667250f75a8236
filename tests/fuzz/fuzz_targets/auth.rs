//! What a device says of itself in CONNECT, from any identity and into buffers of any size: the platform's own way to
//! sign, and a format string, come to the same.
#![no_main]

use iotkit::auth::{
    Error, Identity, Part,
    conn_info::{Fields, Region, Security, Setup},
    mid::MidReport,
    sign::{HmacMd5, HmacSha1, Key, Method},
};
use iotkit_cloud::{Credentials, DeviceId, SignMethod};
use iotkit_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut input = Input::new(input);
    let choices = input.byte();
    let sizes = [input.byte(), input.byte(), input.byte(), input.byte()];
    let [pk, dn, secret] = [text(&mut input), text(&mut input), text(&mut input)];
    let (partner_id, module_id) = (input.piece(), input.piece());

    signature(&secret, input.rest());
    let lengths = [
        (&pk, Identity::PRODUCT_KEY_MAX, Part::ProductKey),
        (&dn, Identity::DEVICE_NAME_MAX, Part::DeviceName),
        (&secret, Identity::DEVICE_SECRET_MAX, Part::DeviceSecret),
    ];
    let refused = lengths.iter().find_map(|(text, max, part)| {
        if text.is_empty() {
            Some(Error::Empty(*part))
        } else {
            (text.len() > *max).then_some(Error::TooLong(*part))
        }
    });
    let identity = match (Identity::new(&pk, &dn, &secret), refused) {
        (Ok(identity), None) => identity,
        (Err(error), Some(refused)) => return assert_eq!(error, refused),
        (result, refused) => panic!("{result:?}, not {refused:?}"),
    };

    mid_report(&identity, partner_id, module_id);
    let setup = Setup {
        identity,
        region: Region::from(i64::from(choices >> 4)),
        security: match choices & 1 {
            0 => Security::Tls,
            _ => Security::Plain,
        },
        granted: None,
        gateway: choices & 2 != 0,
        extended_rrpc: choices & 4 != 0,
        partner_id,
        module_id,
    };
    match choices & 8 {
        0 => conn_info::<HmacSha1>(&setup, SignMethod::HmacSha1, sizes),
        _ => conn_info::<HmacMd5>(&setup, SignMethod::HmacMd5, sizes),
    }
});

fn text(input: &mut Input<'_>) -> String {
    String::from_utf8_lossy(input.piece()).into_owned()
}

fn conn_info<M: Method>(setup: &Setup<'_>, method: SignMethod, sizes: [u8; 4]) {
    let expected = expected::<M>(setup, method);
    let [host_name, client_id, username, password] = &expected;
    let room = |size: u8, text: &[u8]| match size {
        // Just enough, just not, or anything.
        0 => text.len() + 1,
        1 => text.len(),
        size => usize::from(size),
    };
    let mut buffers = [0, 1, 2, 3].map(|n| vec![0xa5; room(sizes[n], &expected[n])]);
    let before = buffers.clone();
    let parts = [
        Part::HostName,
        Part::ClientId,
        Part::Username,
        Part::Password,
    ];
    let too_long = (0..4)
        .find(|n| expected[*n].len() >= buffers[*n].len())
        .map(|n| Error::TooLong(parts[n]));

    for _ in 0..2 {
        let [a, b, c, d] = &mut buffers;
        let mut fields = Fields {
            host_name: a,
            client_id: b,
            username: c,
            password: d,
        };
        let result = fields.update::<M>(setup);
        assert_eq!(result.err(), too_long);
        if too_long.is_some() {
            return assert!(buffers == before, "nothing is written");
        }
        for (buffer, text) in buffers
            .iter()
            .zip([host_name, client_id, username, password])
        {
            assert!(buffer.starts_with(text) && buffer[text.len()..].iter().all(|byte| *byte == 0));
        }
    }
}

/// The texts of CONNECT; each ends where the separator `||` would begin.
fn expected<M: Method>(setup: &Setup<'_>, method: SignMethod) -> [Vec<u8>; 4] {
    let (pk, dn) = (setup.identity.product_key(), setup.identity.device_name());
    let credentials = Credentials::new(
        &DeviceId::new(pk, dn),
        setup.identity.device_secret(),
        method,
        "",
    );
    let on = |is: bool| if is { '1' } else { '0' };
    let mut client_id = format!(
        "{pk}.{dn}|securemode={},timestamp=2524608000000,signmethod={},gw={},ext={}",
        match setup.security {
            Security::Tls => 2,
            Security::Plain => 3,
        },
        method.name(),
        on(setup.gateway),
        on(setup.extended_rrpc),
    )
    .into_bytes();
    assert_eq!(M::NAME, method.name());
    for (label, id) in [
        (",partner_id=", setup.partner_id),
        (",module_id=", setup.module_id),
    ] {
        if !id.is_empty() {
            client_id.extend_from_slice(label.as_bytes());
            client_id.extend_from_slice(id);
        }
    }
    client_id.push(b'|');
    let host_name = format!("{pk}.{}", setup.region.mqtt_domain());
    [
        host_name.into_bytes(),
        client_id,
        format!("{dn}&{pk}").into_bytes(),
        credentials.password.into_bytes(),
    ]
    .map(|text| {
        let end = text.windows(2).position(|pair| pair == b"||");
        text[..end.unwrap_or(text.len())].to_vec()
    })
}

/// A signature does not depend on how the text is cut, and is what the platform makes of it.
fn signature(secret: &str, text: &[u8]) {
    let Ok(key) = Key::new(secret.as_bytes()) else {
        return assert!(secret.len() > Key::MAX);
    };
    let (first, second) = text.split_at(text.len() / 3);
    let sha1 = HmacSha1::sign(&key, &[first, b"", second]);
    let md5 = HmacMd5::sign(&key, &[text]);
    if let Ok(text) = str::from_utf8(text) {
        assert_eq!(
            sha1.as_bytes(),
            SignMethod::HmacSha1.sign(secret, text).as_bytes()
        );
        assert_eq!(
            md5.as_bytes(),
            SignMethod::HmacMd5.sign(secret, text).as_bytes()
        );
    }
}

/// The report is JSON and says what it was given, or is refused.
fn mid_report(identity: &Identity<'_>, partner_id: &[u8], module_id: &[u8]) {
    let (pk, dn) = (identity.product_key(), identity.device_name());
    let Ok(report) = MidReport::new(identity, partner_id, module_id) else {
        return;
    };
    assert_eq!(
        report.topic(),
        format!("/sys/{pk}/{dn}/thing/status/update")
    );
    if let (Ok(partner_id), Ok(module_id)) = (str::from_utf8(partner_id), str::from_utf8(module_id))
    {
        let json: serde_json::Value = serde_json::from_slice(report.payload()).expect("JSON");
        assert_eq!(json["id"], format!("{pk}_{dn}_mid"));
        assert_eq!(json["params"]["_sys_device_mid"], module_id);
        assert_eq!(json["params"]["_sys_device_pid"], partner_id);
    }
}
