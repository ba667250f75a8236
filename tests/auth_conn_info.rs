//! The connection info a device computes for itself, against the example of the reference (its
//! credentials are made up) and against its rules for every field.

use iotkit::auth::conn_info::{Fields, Granted, Region, Security, Setup};
use iotkit::auth::mid::{BadId, MidReport};
use iotkit::auth::sign::{HmacMd5, HmacSha1, Method};
use iotkit::auth::{Error, Identity, Part};

const PRODUCT_KEY: &str = "a1ProdKey01";
const DEVICE_NAME: &str = "dev-0001";
const DEVICE_SECRET: &str = "SECRETsecret0123456789abcdefABCD";

fn device() -> Identity<'static> {
    Identity::new(PRODUCT_KEY, DEVICE_NAME, DEVICE_SECRET).unwrap()
}

/// The example's setup: plain TCP, both ids.
fn setup() -> Setup<'static> {
    Setup {
        identity: device(),
        region: Region::Shanghai,
        security: Security::Plain,
        granted: None,
        gateway: false,
        extended_rrpc: false,
        partner_id: b"PID1",
        module_id: b"MID1",
    }
}

/// The buffers of `iotx_conn_info_t`, filled with what nobody cleared.
#[derive(Clone, PartialEq)]
struct Record {
    host_name: [u8; 129],
    client_id: [u8; 257],
    username: [u8; 513],
    password: [u8; 257],
}

impl Record {
    fn dirty() -> Self {
        Self {
            host_name: [0xa5; 129],
            client_id: [0xa5; 257],
            username: [0xa5; 513],
            password: [0xa5; 257],
        }
    }

    fn update<M: Method>(&mut self, setup: &Setup<'_>) -> Result<(), Error> {
        Fields {
            host_name: &mut self.host_name,
            client_id: &mut self.client_id,
            username: &mut self.username,
            password: &mut self.password,
        }
        .update::<M>(setup)
    }

    fn of<M: Method>(setup: &Setup<'_>) -> Self {
        let mut record = Self::dirty();
        record.update::<M>(setup).unwrap();
        record
    }

    fn client_id(&self) -> &str {
        text(&self.client_id)
    }
}

/// What a C program sees.
fn text(field: &[u8]) -> &str {
    std::ffi::CStr::from_bytes_until_nul(field)
        .unwrap()
        .to_str()
        .unwrap()
}

#[test]
fn the_worked_example_byte_for_byte() {
    let record = Record::of::<HmacSha1>(&setup());
    assert_eq!(
        text(&record.host_name),
        "a1ProdKey01.iot-as-mqtt.cn-shanghai.aliyuncs.com"
    );
    assert_eq!(text(&record.username), "dev-0001&a1ProdKey01");
    assert_eq!(
        text(&record.password),
        "fc911b652506c3c93a659790ff343589bb0b5e8e"
    );
    assert_eq!(
        record.client_id(),
        "a1ProdKey01.dev-0001|securemode=3,timestamp=2524608000000,signmethod=hmacsha1,gw=0,ext=0,\
         partner_id=PID1,module_id=MID1|"
    );

    let record = Record::of::<HmacMd5>(&setup());
    assert_eq!(text(&record.password), "f90ca1206ef37599bd3f7206e0efb3c7");
    assert_eq!(
        record.client_id(),
        "a1ProdKey01.dev-0001|securemode=3,timestamp=2524608000000,signmethod=hmacmd5,gw=0,ext=0,\
         partner_id=PID1,module_id=MID1|"
    );
}

#[test]
fn the_client_id_says_how_the_library_was_built_and_who_made_the_module() {
    let of = |setup: Setup<'_>| Record::of::<HmacSha1>(&setup).client_id().to_owned();
    let base = "a1ProdKey01.dev-0001|securemode=";
    let middle = ",timestamp=2524608000000,signmethod=hmacsha1,";

    assert_eq!(
        of(Setup {
            security: Security::Tls,
            ..setup()
        }),
        format!("{base}2{middle}gw=0,ext=0,partner_id=PID1,module_id=MID1|")
    );
    assert_eq!(
        of(Setup {
            gateway: true,
            partner_id: b"",
            module_id: b"",
            ..setup()
        }),
        format!("{base}3{middle}gw=1,ext=0|")
    );
    assert_eq!(
        of(Setup {
            extended_rrpc: true,
            partner_id: b"",
            ..setup()
        }),
        format!("{base}3{middle}gw=0,ext=1,module_id=MID1|")
    );
    assert_eq!(
        of(Setup {
            module_id: b"",
            ..setup()
        }),
        format!("{base}3{middle}gw=0,ext=0,partner_id=PID1|")
    );
}

/// mqtt-15.6: what the platform grants stands for host, user name and password (reference: mqtt.md, 4.5).
#[test]
fn what_the_platform_grants_is_taken_over() {
    let granted = Granted {
        host: b"mq.example.com",
        port: 1884,
        iot_id: b"ID-1",
        iot_token: b"TK-1",
    };
    for (security, mode) in [(Security::Tls, "-1"), (Security::Plain, "0")] {
        let record = Record::of::<HmacSha1>(&Setup {
            security,
            granted: Some(granted),
            ..setup()
        });
        assert_eq!(text(&record.host_name), "mq.example.com");
        assert_eq!(text(&record.username), "ID-1");
        assert_eq!(text(&record.password), "TK-1");
        let start = format!("a1ProdKey01.dev-0001|securemode={mode},timestamp=");
        assert!(
            record.client_id().starts_with(&start),
            "{}",
            record.client_id()
        );
    }
    let long = [b't'; 257];
    let mut record = Record::dirty();
    let refused = record.update::<HmacSha1>(&Setup {
        granted: Some(Granted {
            iot_token: &long,
            ..granted
        }),
        ..setup()
    });
    assert_eq!(refused, Err(Error::TooLong(Part::Password)));
    assert!(record == Record::dirty(), "it is left alone");
}

#[test]
fn every_region_has_its_host_and_an_unknown_one_is_shanghai() {
    let domains = [
        (0, "iot-as-mqtt.cn-shanghai.aliyuncs.com"),
        (1, "iot-as-mqtt.ap-southeast-1.aliyuncs.com"),
        (2, "iot-as-mqtt.ap-northeast-1.aliyuncs.com"),
        (3, "iot-as-mqtt.us-west-1.aliyuncs.com"),
        (4, "iot-as-mqtt.eu-central-1.aliyuncs.com"),
        (5, "iot-as-mqtt.cn-shanghai.aliyuncs.com"),
        (-1, "iot-as-mqtt.cn-shanghai.aliyuncs.com"),
        (i64::MAX, "iot-as-mqtt.cn-shanghai.aliyuncs.com"),
    ];
    for (number, domain) in domains {
        let setup = Setup {
            region: Region::from(number),
            ..setup()
        };
        let record = Record::of::<HmacSha1>(&setup);
        assert_eq!(
            text(&record.host_name),
            format!("{PRODUCT_KEY}.{domain}"),
            "region {number}"
        );
    }
}

#[test]
fn a_client_id_of_256_bytes_is_the_longest_and_a_longer_one_leaves_the_record_alone() {
    let (pk, dn) = ("p".repeat(20), "d".repeat(32));
    let identity = Identity::new(&pk, &dn, DEVICE_SECRET).unwrap();
    let ids = [b'i'; 64];
    let with = |module_len: usize| Setup {
        identity,
        partner_id: &ids[..63],
        module_id: &ids[..module_len],
        ..setup()
    };
    let room = 256 - Record::of::<HmacSha1>(&with(1)).client_id().len() + 1;

    let mut record = Record::of::<HmacSha1>(&with(room));
    assert_eq!(record.client_id().len(), 256);
    assert!(record.client_id().ends_with("i|"));

    let before = record.clone();
    let too_long = Setup {
        region: Region::Japan,
        ..with(room + 1)
    };
    assert_eq!(
        record.update::<HmacSha1>(&too_long),
        Err(Error::TooLong(Part::ClientId))
    );
    assert!(record == before, "a refused setup changes nothing");

    assert_eq!(
        record.update::<HmacSha1>(&with(63)),
        Err(Error::TooLong(Part::ClientId))
    );
}

#[test]
fn a_short_buffer_is_refused_whichever_it_is() {
    for part in [
        Part::HostName,
        Part::ClientId,
        Part::Username,
        Part::Password,
    ] {
        let mut record = Record::dirty();
        let mut fields = Fields {
            host_name: &mut record.host_name,
            client_id: &mut record.client_id,
            username: &mut record.username,
            password: &mut record.password,
        };
        match part {
            // The text without its NUL.
            Part::HostName => fields.host_name = &mut fields.host_name[..48],
            Part::ClientId => fields.client_id = &mut fields.client_id[..0],
            Part::Username => fields.username = &mut fields.username[..20],
            Part::Password => fields.password = &mut fields.password[..40],
            _ => unreachable!("not a field"),
        }
        assert_eq!(
            fields.update::<HmacSha1>(&setup()),
            Err(Error::TooLong(part))
        );
        assert!(record == Record::dirty());
    }
}

#[test]
fn a_second_device_replaces_the_first_without_a_trace() {
    let mut record = Record::of::<HmacSha1>(&setup());
    let identity = Identity::new("pk2", "dn2", "s2").unwrap();
    let second = Setup {
        identity,
        partner_id: b"",
        module_id: b"",
        ..setup()
    };
    record.update::<HmacMd5>(&second).unwrap();

    assert_eq!(text(&record.username), "dn2&pk2");
    assert_eq!(text(&record.password).len(), 32);
    for field in [
        &record.host_name[..],
        &record.client_id,
        &record.username,
        &record.password,
    ] {
        let rest = &field[text(field).len()..];
        assert!(rest.iter().all(|byte| *byte == 0), "left behind: {rest:?}");
    }
}

#[test]
fn a_host_name_the_application_put_into_lower_case_stays_so() {
    let mut record = Record::of::<HmacSha1>(&setup());
    record.host_name.make_ascii_lowercase();
    record.update::<HmacSha1>(&setup()).unwrap();
    assert_eq!(
        text(&record.host_name),
        "a1prodkey01.iot-as-mqtt.cn-shanghai.aliyuncs.com"
    );

    record
        .update::<HmacSha1>(&Setup {
            region: Region::Japan,
            ..setup()
        })
        .unwrap();
    assert_eq!(
        text(&record.host_name),
        "a1ProdKey01.iot-as-mqtt.ap-northeast-1.aliyuncs.com"
    );
}

#[test]
fn a_field_ends_before_a_double_bar() {
    let record = Record::of::<HmacSha1>(&Setup {
        module_id: b"M|1||x",
        ..setup()
    });
    assert!(
        record
            .client_id()
            .ends_with(",partner_id=PID1,module_id=M|1"),
        "{}",
        record.client_id()
    );

    // The bar that ends the client id counts, too.
    let record = Record::of::<HmacSha1>(&Setup {
        module_id: b"M|",
        ..setup()
    });
    assert!(
        record.client_id().ends_with(",module_id=M"),
        "{}",
        record.client_id()
    );
}

#[test]
fn the_mid_report_is_whole_at_any_length() {
    let report = MidReport::new(&device(), b"PID1", b"MID1").unwrap();
    assert_eq!(
        report.topic(),
        "/sys/a1ProdKey01/dev-0001/thing/status/update"
    );
    assert_eq!(
        report.payload(),
        br#"{"id":"a1ProdKey01_dev-0001_mid","params":{"_sys_device_mid":"MID1","_sys_device_pid":"PID1"}}"#
    );

    let (pk, dn, partner, module) = (
        "p".repeat(20),
        "d".repeat(32),
        "P".repeat(64),
        "M".repeat(64),
    );
    let identity = Identity::new(&pk, &dn, DEVICE_SECRET).unwrap();
    let report = MidReport::new(&identity, partner.as_bytes(), module.as_bytes()).unwrap();
    assert_eq!(
        report.topic(),
        format!("/sys/{pk}/{dn}/thing/status/update")
    );
    let json: serde_json::Value = serde_json::from_slice(report.payload()).unwrap();
    assert_eq!(json["id"], format!("{pk}_{dn}_mid"));
    assert_eq!(json["params"]["_sys_device_mid"], module);
    assert_eq!(json["params"]["_sys_device_pid"], partner);
}

#[test]
fn a_mid_report_that_would_not_be_json_is_not_made() {
    for id in [&b"a\"b"[..], b"a\\", b"a\nb", &[b'x'; 65]] {
        assert_eq!(MidReport::new(&device(), id, b"MID1").err(), Some(BadId));
        assert_eq!(MidReport::new(&device(), b"PID1", id).err(), Some(BadId));
    }
    let quoted = Identity::new("pk", "dn\"", "s").unwrap();
    assert_eq!(MidReport::new(&quoted, b"PID1", b"MID1").err(), Some(BadId));
}
