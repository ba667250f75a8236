//! `IOT_SetupConnInfo` and what belongs to it. All credentials are made up.
#![cfg_attr(miri, feature(c_variadic))]

mod common;

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr,
};

use common::hal::Hal;
use iot_sdk::v2::{
    iot_export::{
        _IOT_LogLevel::IOT_LOG_DEBUG, IOT_OpenLog, IOT_SetLogLevel, IOT_SetupConnInfo,
        IOT_SetupConnInfoSecure, IOT_SetupDomain, iotx_conn_info_t,
    },
    lite_system::*,
};

const PRODUCT_KEY: &CStr = c"a1ProdKey01";
const DEVICE_NAME: &CStr = c"dev-0001";
const DEVICE_SECRET: &CStr = c"SECRETsecret0123456789abcdefABCD";

/// What a caller's variable holds before.
const UNTOUCHED: *mut c_void = ptr::dangling_mut::<u64>().cast();

fn set_up_with(
    product_key: *const c_char,
    device_name: *const c_char,
    device_secret: *const c_char,
) -> (c_int, *mut c_void) {
    let mut info = UNTOUCHED;
    // SAFETY: `NULL` or strings; a variable.
    let result = unsafe { IOT_SetupConnInfo(product_key, device_name, device_secret, &mut info) };
    (result, info)
}

fn set_up() -> *const iotx_conn_info_t {
    let (result, info) = set_up_with(
        PRODUCT_KEY.as_ptr(),
        DEVICE_NAME.as_ptr(),
        DEVICE_SECRET.as_ptr(),
    );
    assert_eq!(result, 0);
    info.cast()
}

/// A field of a record of the library.
fn text<const N: usize>(field: *const [c_char; N]) -> String {
    // SAFETY: the library's records live as long as the program, and their texts are terminated.
    unsafe { CStr::from_ptr(field.cast()) }
        .to_str()
        .unwrap()
        .to_owned()
}

macro_rules! field {
    ($record:expr, $field:ident) => {
        // SAFETY: the library's records live as long as the program.
        text(unsafe { &raw const (*$record).$field })
    };
}

fn open_log() {
    // SAFETY: a string.
    unsafe { IOT_OpenLog(c"x".as_ptr()) };
    IOT_SetLogLevel(std::mem::MaybeUninit::new(IOT_LOG_DEBUG));
}

#[test]
fn the_worked_example_byte_for_byte() {
    let hal = Hal::take();
    hal.set_partner_id(b"PID1\0", 4);
    hal.set_module_id(b"MID1\0", 4);
    let info = set_up();

    let (mode, gateway) = (
        2 + c_int::from(!cfg!(feature = "tls")),
        c_int::from(cfg!(feature = "gateway")),
    );
    let (method, password) = if cfg!(feature = "hmac-md5") {
        ("hmacmd5", "f90ca1206ef37599bd3f7206e0efb3c7")
    } else {
        ("hmacsha1", "fc911b652506c3c93a659790ff343589bb0b5e8e")
    };
    assert_eq!(
        field!(info, host_name),
        "a1ProdKey01.iot-as-mqtt.cn-shanghai.aliyuncs.com"
    );
    assert_eq!(field!(info, username), "dev-0001&a1ProdKey01");
    assert_eq!(field!(info, password), password);
    assert_eq!(
        field!(info, client_id),
        format!(
            "a1ProdKey01.dev-0001|securemode={mode},timestamp=2524608000000,signmethod={method},\
             gw={gateway},ext={},partner_id=PID1,module_id=MID1|",
            c_int::from(cfg!(feature = "rrpc-new"))
        )
    );
    // SAFETY: the record lives as long as the program.
    unsafe {
        assert_eq!((*info).port, 1883);
        assert_eq!((*info).pub_key, iotx_ca_get());
    }
}

#[test]
fn the_root_certificate_is_pem_with_dos_line_ends() {
    let pem = iotx_ca_get();
    if !cfg!(feature = "tls") {
        assert!(pem.is_null());
        return;
    }
    // SAFETY: a string that lives as long as the program.
    let pem = unsafe { CStr::from_ptr(pem) }.to_str().unwrap();
    let lines: Vec<_> = pem.split("\r\n").collect();
    assert_eq!(lines.first(), Some(&"-----BEGIN CERTIFICATE-----"));
    assert_eq!(lines.last(), Some(&"-----END CERTIFICATE-----"));
    assert!(
        lines[1..20]
            .iter()
            .all(|line| line.len() <= 64 && !line.contains(['\r', '\n', ' ']))
    );

    #[cfg(not(miri))]
    assert_eq!(
        openssl(pem),
        "serial=040000000001154B5AC394\nnotAfter=Jan 28 12:00:00 2028 GMT\n"
    );
}

/// Serial number and end of a certificate, as OpenSSL reads it.
#[cfg(not(miri))]
fn openssl(pem: &str) -> String {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    let mut openssl = Command::new("openssl")
        .args(["x509", "-noout", "-serial", "-enddate"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    openssl
        .stdin
        .take()
        .unwrap()
        .write_all(pem.as_bytes())
        .unwrap();
    String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn the_ids_of_partner_and_module_count_as_text_only() {
    let hal = Hal::take();
    let client_id = |partner: (&[u8], c_int), module: (&[u8], c_int)| {
        hal.set_partner_id(partner.0, partner.1);
        hal.set_module_id(module.0, module.1);
        let client_id = field!(set_up(), client_id);
        client_id[client_id.find("ext=").unwrap() + 5..].to_owned()
    };
    assert_eq!(
        client_id((b"", 0), (b"", 0)),
        "|",
        "a HAL that writes nothing"
    );
    assert_eq!(client_id((b"\0", 7), (b"\0", 7)), "|");
    assert_eq!(
        client_id((b"P\0", 0), (b"M\0", -1)),
        ",partner_id=P,module_id=M|"
    );
    let id = [b'i'; 63];
    let terminated = [&id[..], b"\0"].concat();
    assert_eq!(
        client_id((&terminated, 63), (b"", 0)),
        format!(",partner_id={}|", "i".repeat(63))
    );
    assert_eq!(
        client_id((&[b'i'; 64], 64), (b"", 0)),
        format!(",partner_id={}|", "i".repeat(64)),
        "not terminated"
    );
}

#[test]
fn a_missing_argument_changes_nothing() {
    let hal = Hal::take();
    set_up();
    for bad in [ptr::null(), c"".as_ptr()] {
        let good = [
            PRODUCT_KEY.as_ptr(),
            DEVICE_NAME.as_ptr(),
            DEVICE_SECRET.as_ptr(),
        ];
        for which in 0..3 {
            let mut given = good;
            given[which] = bad;
            assert_eq!(set_up_with(given[0], given[1], given[2]), (-1, UNTOUCHED));
        }
    }
    // SAFETY: strings, and `NULL`.
    let result = unsafe {
        IOT_SetupConnInfo(
            PRODUCT_KEY.as_ptr(),
            DEVICE_NAME.as_ptr(),
            DEVICE_SECRET.as_ptr(),
            ptr::null_mut(),
        )
    };
    assert_eq!(result, -1);
    assert_eq!(
        field!(iotx_conn_info_get(), username),
        "dev-0001&a1ProdKey01"
    );
    drop(hal);
}

#[test]
fn lengths_are_accepted_to_the_limit_and_refused_beyond() {
    let hal = Hal::take();
    let of = |lengths: [usize; 3]| {
        let [pk, dn, ds] = lengths.map(|len| CString::new("x".repeat(len)).unwrap());
        set_up_with(pk.as_ptr(), dn.as_ptr(), ds.as_ptr())
    };
    let (result, info) = of([20, 32, 64]);
    assert_eq!((result, info), (0, iotx_conn_info_get().cast()));
    let device = iotx_device_info_get();
    assert_eq!(field!(device, product_key).len(), 20);
    assert_eq!(field!(device, device_name).len(), 32);
    assert_eq!(field!(device, device_id).len(), 53);
    assert_eq!(field!(device, device_secret).len(), 64);

    let before = field!(iotx_conn_info_get(), client_id);
    open_log();
    assert_eq!(of([21, 8, 8]), (-1, ptr::null_mut()));
    assert_eq!(of([8, 33, 8]), (-1, ptr::null_mut()));
    assert_eq!(of([8, 8, 65]), (-1, ptr::null_mut()));
    let printed = hal.printed();
    assert_eq!(printed.lines().count(), 3, "{printed}");
    assert!(!printed.contains("xx"), "no argument is shown: {printed}");
    assert_eq!(field!(iotx_conn_info_get(), client_id), before);

    assert_eq!(
        set_up_with(
            c"\xff".as_ptr(),
            DEVICE_NAME.as_ptr(),
            DEVICE_SECRET.as_ptr()
        ),
        (-1, ptr::null_mut()),
        "not UTF-8"
    );
}

#[test]
fn a_client_id_over_256_bytes_is_refused() {
    let hal = Hal::take();
    let id = [[b'i'; 63].as_slice(), b"\0"].concat();
    hal.set_partner_id(&id, 63);
    hal.set_module_id(&id, 63);
    let [pk, dn] = [20, 32].map(|len| CString::new("x".repeat(len)).unwrap());
    open_log();
    let result = set_up_with(pk.as_ptr(), dn.as_ptr(), DEVICE_SECRET.as_ptr());
    assert_eq!(result, (-1, ptr::null_mut()));
    assert_eq!(
        hal.printed(),
        "[err] iotkit(0): connection info: too long: client id\r\n"
    );
}

#[test]
fn the_second_call_rewrites_the_same_record() {
    let _hal = Hal::take();
    let first = set_up();
    let first_password = field!(first, password);
    let (result, second) = set_up_with(c"pk2".as_ptr(), c"dn2".as_ptr(), c"secret2".as_ptr());
    assert_eq!((result, second.cast_const()), (0, first.cast()));
    assert_eq!(field!(first, username), "dn2&pk2");
    assert_eq!(field!(iotx_device_info_get(), device_id), "pk2.dn2");
    assert_ne!(field!(first, password), first_password);
}

#[test]
fn the_record_may_be_set_up_from_itself() {
    let _hal = Hal::take();
    set_up();
    let device = iotx_device_info_get();
    // SAFETY: the records live as long as the program.
    let (pk, dn, ds) = unsafe {
        (
            (*device).product_key.as_ptr(),
            (*device).device_name.as_ptr(),
            (*device).device_secret.as_ptr(),
        )
    };
    let before = field!(iotx_conn_info_get(), password);
    assert_eq!(set_up_with(pk, dn, ds).0, 0);
    assert_eq!(field!(device, device_id), "a1ProdKey01.dev-0001");
    assert_eq!(field!(iotx_conn_info_get(), password), before);
}

#[test]
fn the_region_counts_when_the_info_is_computed() {
    let _hal = Hal::take();
    let host = |number| {
        IOT_SetupDomain(number);
        field!(set_up(), host_name)
    };
    let domain = |name: &str| format!("a1ProdKey01.iot-as-mqtt.{name}.aliyuncs.com");
    assert_eq!(host(1), domain("ap-southeast-1"));
    assert_eq!(host(2), domain("ap-northeast-1"));
    assert_eq!(host(3), domain("us-west-1"));
    assert_eq!(host(4), domain("eu-central-1"));
    assert_eq!(host(5), domain("cn-shanghai"));
    assert_eq!(host(4), domain("eu-central-1"));
    assert_eq!(host(-1), domain("cn-shanghai"));

    IOT_SetupDomain(3);
    assert_eq!(
        field!(iotx_conn_info_get(), host_name),
        domain("cn-shanghai")
    );
    assert_eq!(iotx_guider_authenticate(), 0);
    assert_eq!(field!(iotx_conn_info_get(), host_name), domain("us-west-1"));
}

#[test]
fn a_host_name_in_lower_case_survives_reauthentication() {
    let _hal = Hal::take();
    let info = set_up().cast_mut();
    // SAFETY: the records live as long as the program; nothing else uses it now.
    let host = unsafe { &mut (*info).host_name };
    host.iter_mut()
        .for_each(|c| *c = (*c as u8).to_ascii_lowercase() as c_char);
    assert_eq!(iotx_guider_authenticate(), 0);
    assert_eq!(
        field!(info, host_name),
        "a1prodkey01.iot-as-mqtt.cn-shanghai.aliyuncs.com"
    );
}

#[test]
fn the_device_record_can_be_set_alone() {
    let _hal = Hal::take();
    set_up();
    // SAFETY: strings, and `NULL`.
    unsafe {
        assert_eq!(
            iotx_device_info_set(c"pk3".as_ptr(), c"dn3".as_ptr(), c"ds3".as_ptr()),
            0
        );
        assert_eq!(
            iotx_device_info_set(ptr::null(), c"dn4".as_ptr(), c"ds4".as_ptr()),
            -1
        );
    }
    assert_eq!(iotx_device_info_init(), 0);
    assert_eq!(field!(iotx_device_info_get(), device_id), "pk3.dn3");
    assert_eq!(
        field!(iotx_conn_info_get(), username),
        "dev-0001&a1ProdKey01"
    );
    assert_eq!(iotx_guider_authenticate(), 0);
    assert_eq!(field!(iotx_conn_info_get(), username), "dn3&pk3");
}

#[test]
fn without_id2_the_secure_variant_says_so() {
    let hal = Hal::take();
    open_log();
    let mut info = UNTOUCHED;
    // SAFETY: strings; a variable.
    let result = unsafe {
        IOT_SetupConnInfoSecure(
            PRODUCT_KEY.as_ptr(),
            DEVICE_NAME.as_ptr(),
            DEVICE_SECRET.as_ptr(),
            &mut info,
        )
    };
    assert_eq!((result, info), (-1, ptr::null_mut()));
    assert!(hal.printed().contains("call IOT_SetupConnInfo"));
}

#[test]
fn no_secret_is_ever_printed() {
    let hal = Hal::take();
    open_log();
    set_up();
    iotx_guider_authenticate();
    let long = CString::new(format!(
        "{}{}",
        DEVICE_SECRET.to_str().unwrap(),
        "x".repeat(64)
    ))
    .unwrap();
    set_up_with(PRODUCT_KEY.as_ptr(), DEVICE_NAME.as_ptr(), long.as_ptr());
    let printed = hal.printed();
    assert!(
        !printed.contains("SECRET") && !printed.contains("fc911b65"),
        "{printed}"
    );
}

#[test]
fn several_threads_may_renew_it_at_once() {
    let _hal = Hal::take();
    let info = set_up().addr();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                for _ in 0..if cfg!(miri) { 3 } else { 200 } {
                    assert_eq!(iotx_guider_authenticate(), 0);
                }
            });
        }
    });
    assert_eq!(info, set_up().addr());
    assert_eq!(
        field!(iotx_conn_info_get(), username),
        "dev-0001&a1ProdKey01"
    );
}

#[test]
fn module_reports_are_built_in_the_callers_buffers() {
    let mut buffer = [0x55 as c_char; 300];
    let to = buffer.as_mut_ptr();
    let (pk, dn) = (
        PRODUCT_KEY.as_ptr().cast_mut(),
        DEVICE_NAME.as_ptr().cast_mut(),
    );
    // SAFETY: strings; the buffer is larger than any of the limits.
    let string = || unsafe { CStr::from_ptr(to) }.to_str().unwrap().to_owned();
    // SAFETY: as above.
    unsafe {
        assert_eq!(iotx_midreport_reqid(to, pk, dn), 24);
        assert_eq!(string(), "a1ProdKey01_dev-0001_mid");
        let id = c"1".as_ptr().cast_mut();
        assert_eq!(
            iotx_midreport_payload(to, id, c"M".as_ptr().cast_mut(), c"P".as_ptr().cast_mut()),
            65
        );
        assert_eq!(
            string(),
            r#"{"id":"1","params":{"_sys_device_mid":"M","_sys_device_pid":"P"}}"#
        );
        assert_eq!(
            iotx_midreport_topic(to, c"/x".as_ptr().cast_mut(), pk, dn),
            47
        );
        assert_eq!(string(), "/x/sys/a1ProdKey01/dev-0001/thing/status/update");

        // One byte too many, with the NUL.
        let long = |len: usize| CString::new("x".repeat(len)).unwrap();
        let fits = long(MIDREPORT_REQID_LEN - 1 - 5 - 8);
        assert_eq!(iotx_midreport_reqid(to, fits.as_ptr().cast_mut(), dn), 57);
        let does_not = long(MIDREPORT_REQID_LEN - 5 - 8);
        buffer[MIDREPORT_REQID_LEN] = 0x55;
        assert_eq!(
            iotx_midreport_reqid(to, does_not.as_ptr().cast_mut(), dn),
            -1
        );
        assert_eq!(
            buffer[MIDREPORT_REQID_LEN], 0x55,
            "nothing is written behind the buffer"
        );

        assert_eq!(iotx_midreport_reqid(ptr::null_mut(), pk, dn), -1);
        assert_eq!(iotx_midreport_reqid(to, ptr::null_mut(), dn), -1);
        assert_eq!(iotx_midreport_topic(to, pk, dn, ptr::null_mut()), -1);
    }
}
