//! rumqttc as a device: it answers what the cloud side asks, over TCP and over rustls.

mod common;

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use common::*;
use iotkit_cloud::{
    Authority, CertificateSpec, Cloud, DeviceId, Direction, Error, PacketKind, Request, Rrpc,
    SignMethod, self_signed,
};
use rumqttc::{Client, Event, MqttOptions, Packet, Publish, QoS, Transport};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use serde_json::{Value, json};

fn options(cloud: &Cloud, device: &DeviceId, extras: &str, method: SignMethod) -> MqttOptions {
    let identity = iotkit_cloud::Credentials::new(device, SECRET, method, extras);
    let mut options =
        MqttOptions::new(identity.client_id, "localhost", cloud.mqtt_address().port());
    options
        .set_credentials(identity.username, identity.password)
        .set_keep_alive(Duration::from_secs(60));
    options
}

fn tls(ca_pem: &str) -> Transport {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Transport::tls_with_config(
        config
            .with_root_certificates(roots)
            .with_no_client_auth()
            .into(),
    )
}

/// A device that hands each message it gets to `answer` and publishes what comes back.
struct Device {
    client: Client,
    thread: Option<JoinHandle<()>>,
}

impl Device {
    fn start(
        options: MqttOptions,
        filters: &[String],
        answer: impl Fn(&Publish) -> Option<(String, String)> + Send + 'static,
    ) -> Self {
        let (client, mut connection) = Client::new(options, 16);
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::spawn({
            let client = client.clone();
            move || {
                for event in connection.iter() {
                    match event {
                        Ok(Event::Incoming(Packet::SubAck(ack))) => ready.send(ack).unwrap(),
                        Ok(Event::Incoming(Packet::Publish(publish))) => {
                            if let Some((topic, payload)) = answer(&publish) {
                                client
                                    .publish(topic, QoS::AtMostOnce, false, payload)
                                    .unwrap();
                            }
                        }
                        Ok(_) => {}
                        Err(_) => return,
                    }
                }
            }
        });
        for filter in filters {
            client.subscribe(filter, QoS::AtLeastOnce).unwrap();
            is_ready.recv_timeout(PATIENCE).expect("SUBACK");
        }
        Self {
            client,
            thread: Some(thread),
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.client.disconnect();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Answers any Alink request with its parameters as data.
fn echo(publish: &Publish) -> Option<(String, String)> {
    let request: Value = serde_json::from_slice(&publish.payload).ok()?;
    let reply = json!({"id": request["id"], "code": 200, "data": request["params"]});
    Some((format!("{}_reply", publish.topic), reply.to_string()))
}

#[test]
fn questions_are_answered_over_tcp() {
    let cloud = start();
    let filters = [lamp().sys("thing/service/#")];
    let _device = Device::start(
        options(&cloud, &lamp(), "securemode=3", SignMethod::HmacMd5),
        &filters,
        echo,
    );

    let reply = cloud
        .set_properties(&lamp(), json!({"LightSwitch": 1}))
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(
        (reply.code(), reply.data()),
        (Some(200), json!({"LightSwitch": 1}))
    );

    let reply = cloud
        .invoke(&lamp(), "Irrigate", json!({"Zone": 2}))
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(reply.data(), json!({"Zone": 2}));

    for id in ["0", "2147483648", "4294967295", "not a number"] {
        let request = Request::new("thing.service.property.get", json!(["LightSwitch"])).id(id);
        let reply = cloud.request(&lamp(), &request).unwrap().wait().unwrap();
        assert_eq!(
            (reply.id.as_str(), reply.data()),
            (id, json!(["LightSwitch"]))
        );
    }
}

#[test]
fn a_wrong_id_is_no_answer() {
    let cloud = start();
    let filters = [lamp().sys("thing/service/#")];
    let answer = |publish: &Publish| {
        let other = json!({"id": "another", "code": 200, "data": {}});
        Some((format!("{}_reply", publish.topic), other.to_string()))
    };
    let _device = Device::start(
        options(&cloud, &lamp(), "securemode=3", SignMethod::HmacSha1),
        &filters,
        answer,
    );

    let request = Request::new("thing.service.x", json!({})).timeout(Duration::from_millis(500));
    assert!(matches!(
        cloud.request(&lamp(), &request).unwrap().wait(),
        Err(Error::Timeout)
    ));
}

#[test]
fn both_families_of_rrpc_are_answered_over_tls() {
    let cloud = start();
    let filters = [
        lamp().sys("rrpc/request/+"),
        "/ext/rrpc/+/my/topic".to_owned(),
    ];
    let mut options = options(
        &cloud,
        &lamp(),
        "securemode=2,ext=1",
        SignMethod::HmacSha256,
    );
    options.set_transport(tls(&cloud.ca_pem().unwrap()));
    let _device = Device::start(options, &filters, |publish| {
        let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
        Some((
            publish.topic.replace("rrpc/request/", "rrpc/response/"),
            payload.to_uppercase(),
        ))
    });
    let connection = cloud.device(&lamp()).unwrap().connection.unwrap();
    assert!(connection.tls.unwrap().starts_with("TLSv1.3"));

    let call = cloud.rrpc(&lamp(), &Rrpc::new("hello")).unwrap();
    assert_eq!(call.id().len(), 19);
    assert_eq!(&call.wait().unwrap().payload[..], b"HELLO");

    let first = cloud
        .rrpc(&lamp(), &Rrpc::new("one").topic("/my/topic"))
        .unwrap();
    let second = cloud
        .rrpc(&lamp(), &Rrpc::new("two").topic("my/topic"))
        .unwrap();
    assert_eq!(&second.wait().unwrap().payload[..], b"TWO");
    assert_eq!(&first.wait().unwrap().payload[..], b"ONE");

    let not_subscribed = cloud.rrpc(&lamp(), &Rrpc::new("x").topic("/another"));
    assert!(matches!(not_subscribed, Err(Error::NotSubscribed(_))));
}

#[test]
fn a_synchronous_service_carries_the_envelope() {
    let cloud = start();
    let filters = [lamp().sys("rrpc/request/+")];
    let answer = |publish: &Publish| {
        let (_, reply) = echo(publish)?;
        Some((publish.topic.replace("request", "response"), reply))
    };
    let _device = Device::start(
        options(&cloud, &lamp(), "securemode=3", SignMethod::HmacSha1),
        &filters,
        answer,
    );

    let reply = cloud
        .invoke_sync(&lamp(), "Ring", json!({"Times": 3}))
        .unwrap()
        .wait()
        .unwrap();
    assert_eq!(reply.data(), json!({"Times": 3}));
}

#[test]
fn extended_rrpc_needs_ext_1() {
    let cloud = start();
    let filters = ["/ext/rrpc/+/my/topic".to_owned()];
    let _device = Device::start(
        options(&cloud, &lamp(), "securemode=3", SignMethod::HmacSha1),
        &filters,
        |_| None,
    );
    let call = cloud.rrpc(&lamp(), &Rrpc::new("x").topic("/my/topic"));
    assert!(matches!(call, Err(Error::NoExt)), "{call:?}");
}

#[test]
fn a_late_answer_is_ignored() {
    let cloud = start();
    let filters = [lamp().sys("rrpc/request/+")];
    let answer = |publish: &Publish| {
        thread::sleep(Duration::from_millis(400));
        Some((
            publish.topic.replace("request", "response"),
            "late".to_owned(),
        ))
    };
    let _device = Device::start(
        options(&cloud, &lamp(), "securemode=3", SignMethod::HmacSha1),
        &filters,
        answer,
    );

    let call = cloud
        .rrpc(&lamp(), &Rrpc::new("x").timeout(Duration::from_millis(100)))
        .unwrap();
    let topic = lamp().sys(&format!("rrpc/response/{}", call.id()));
    assert!(matches!(call.wait(), Err(Error::Timeout)));
    let late = cloud.transcript().wait(PATIENCE, |entry| {
        entry.message_on(Direction::Up, &topic).is_some()
    });
    assert!(late.is_some());
    assert!(cloud.device(&lamp()).unwrap().connection.is_some());
}

#[test]
fn certificates_are_verifiable_and_bad_ones_can_be_served() {
    let cloud = start();
    let own = cloud.ca_pem().unwrap();
    let names = CertificateSpec::platform();
    let other = Authority::generate("another CA").unwrap();
    let cases = [
        (cloud.authority().issue(&names).unwrap(), "", "good"),
        (
            cloud.authority().issue(&names.clone().expired()).unwrap(),
            "Expired",
            "expired",
        ),
        (
            cloud
                .authority()
                .issue(&CertificateSpec::new(["example.com"]))
                .unwrap(),
            "NotValidForName",
            "wrong name",
        ),
        (
            other.issue(&names).unwrap(),
            "BadSignature",
            "signed by another with the same name or key",
        ),
        (self_signed(&names).unwrap(), "UnknownIssuer", "self-signed"),
    ];
    for (certificate, expected, case) in cases {
        cloud.set_certificate(&certificate).unwrap();
        let mut options = options(&cloud, &lamp(), "securemode=2", SignMethod::HmacSha1);
        options.set_transport(tls(&own));
        let (client, mut connection) = Client::new(options, 16);
        let first = connection
            .recv_timeout(PATIENCE)
            .expect("an answer in time");
        match first {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                assert!(expected.is_empty(), "{case} was accepted")
            }
            Ok(other) => panic!("{case}: {other:?}"),
            Err(error) => {
                let text = format!("{error:?}");
                let unknown = expected == "BadSignature" && text.contains("UnknownIssuer");
                assert!(
                    !expected.is_empty() && (text.contains(expected) || unknown),
                    "{case}: {text}"
                );
            }
        }
        let _ = client.try_disconnect();
    }
}

#[test]
fn many_messages_arrive_once_and_in_order() {
    let cloud = start();
    let topic = "/a1ProdKey01/dev-0001/user/get";
    let (seen, is_seen) = mpsc::channel();
    let options = options(&cloud, &lamp(), "securemode=3", SignMethod::HmacSha1);
    let _device = Device::start(options, &[topic.to_owned()], move |publish| {
        seen.send(String::from_utf8(publish.payload.to_vec()).unwrap())
            .unwrap();
        None
    });

    for n in 0..300 {
        let publication = iotkit_cloud::Publication::new(topic, n.to_string());
        // At most a hundred wait: a full queue says so, and empties as the device acknowledges.
        while let Err(error) = cloud.publish(&lamp(), publication.clone()) {
            assert!(matches!(error, Error::QueueFull), "{error}");
            thread::sleep(Duration::from_millis(1));
        }
    }
    for n in 0..300 {
        assert_eq!(is_seen.recv_timeout(PATIENCE).unwrap(), n.to_string());
    }
    let mut acknowledged = 0;
    let all = cloud.transcript().wait(PATIENCE, |entry| {
        acknowledged += usize::from(entry.is(Direction::Up, PacketKind::PubAck));
        acknowledged == 300
    });
    assert!(all.is_some(), "{acknowledged} of 300 acknowledged");
}
