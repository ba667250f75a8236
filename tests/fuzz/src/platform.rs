//! The local platform with one device, on a clock that does not wait.

use std::{io, sync::LazyLock, time::Duration};

use iotkit_cloud::{Config, Credentials, DeviceId, Product, SignMethod, fuzz::Platform};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::Builder,
    time::sleep,
};

/// The product key of the device.
pub const PRODUCT_KEY: &str = "pk";
/// Its name.
pub const DEVICE_NAME: &str = "dn";
/// Its secret; made up.
pub const SECRET: &str = "made-up";

/// More than anything the platform does later takes.
const LATER: Duration = Duration::from_secs(30 * 24 * 3600);
/// What may lie between the two ends of a connection.
const BETWEEN: usize = 64 * 1024;

/// Runs `conversation` with a new platform, and then what the platform does later.
pub fn run<F: Future>(conversation: impl FnOnce(Platform) -> F) -> F::Output {
    static CONFIG: LazyLock<Config> = LazyLock::new(|| {
        let product = Product {
            tsl: Some(serde_json::json!({"properties": [{"identifier": "LightSwitch"}]})),
            ..Product::default()
        };
        let products = [(PRODUCT_KEY.to_owned(), product)].into();
        let device = DeviceId::new(PRODUCT_KEY, DEVICE_NAME);
        Config {
            products,
            ..Config::default()
        }
        .device(&device, SECRET)
    });
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let output = conversation(Platform::new(&CONFIG).expect("a platform")).await;
        sleep(LATER).await;
        output
    })
}

/// CONNECT of the device, as V2.10 firmware sends it.
#[must_use]
pub fn connect(keep_alive: u16, clean_session: bool) -> Vec<u8> {
    let device = DeviceId::new(PRODUCT_KEY, DEVICE_NAME);
    let it = Credentials::new(&device, SECRET, SignMethod::HmacSha1, "securemode=3,ext=1");
    connect_as(
        [&it.client_id, &it.username, &it.password],
        keep_alive,
        clean_session,
    )
}

/// CONNECT with client id, user name and password.
#[must_use]
pub fn connect_as(texts: [&str; 3], keep_alive: u16, clean_session: bool) -> Vec<u8> {
    let flags = 0xc0 | u8::from(clean_session) << 1;
    let [high, low] = keep_alive.to_be_bytes();
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, high, low];
    for text in texts {
        let len = u16::try_from(text.len()).expect("a short text");
        body.extend_from_slice(&len.to_be_bytes());
        body.extend_from_slice(text.as_bytes());
    }
    crate::mqtt::packet(0x10, &body)
}

/// A connection to the platform: sends `pieces`, then is silent, or hangs up; all that the platform has sent.
pub async fn converse(
    platform: &Platform,
    pieces: impl Iterator<Item = &[u8]>,
    hang_up: bool,
) -> Vec<u8> {
    let (ours, theirs) = duplex(BETWEEN);
    let (_, received) = tokio::join!(platform.serve(theirs), device(ours, pieces, hang_up));
    received
}

async fn device(
    stream: DuplexStream,
    pieces: impl Iterator<Item = &[u8]>,
    hang_up: bool,
) -> Vec<u8> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut received = Vec::new();
    let send = async {
        for piece in pieces {
            writer.write_all(piece).await?; // fails once the platform has hung up
            tokio::task::yield_now().await;
        }
        if hang_up {
            writer.shutdown().await?;
        }
        io::Result::Ok(())
    };
    let (_, read) = tokio::join!(send, reader.read_to_end(&mut received));
    read.expect("it ends properly");
    received
}
