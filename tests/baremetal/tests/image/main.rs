//! The firmware of `firmware.c`, in `qemu-system-arm -M mps2-an386`, by way of a modem, to the local platform: it connects,
//! subscribes, publishes, obeys, and outlives a link that is cut. Needs qemu-system-arm, gcc-arm-none-eabi and
//! libnewlib-arm-none-eabi.

mod machine;
mod modem;

use iotkit_cloud::{Cloud, Config, DeviceId, Direction};
use serde_json::json;

use machine::Machine;
use modem::Modem;

/// As the Makefile has it: made up.
const SECRET: &str = "SECRETsecret0123456789abcdefABCD";

/// The library's own for a session, two mutexes apart, which this port keeps elsewhere. V2.10 takes 620.
const HEAP_MAX: u32 = 620;

/// The number behind `before` in the line that begins so.
fn number(line: &str, before: &str) -> u32 {
    let rest = line.split_once(before).expect("it stands there").1;
    let digits = rest.split(' ').next().expect("there is a word");
    digits.parse().expect("a number")
}

#[test]
fn a_light_without_an_operating_system_outlives_a_cut_link() {
    let id = DeviceId::new("a1ProdKey01", "dev-0001");
    let cloud = Cloud::start(Config::default().device(&id, SECRET)).expect("the platform starts");
    let modem = Modem::start(cloud.mqtt_address());
    let mut machine = Machine::start(&machine::build(), &modem);

    let connected = machine.wait_line("heap: connected ");
    machine.wait_line("firmware: ready");
    for power in [1, 0] {
        let call = cloud
            .set_properties(&id, json!({ "Power": power }))
            .expect("the light is online");
        machine.wait_line(&format!("firmware: power {power}"));
        let answer = call.wait().expect("an answer");
        assert_eq!(answer.code(), Some(200));
        if power == 1 {
            modem.cut();
            machine.wait_line("firmware: disconnected");
            machine.wait_line("firmware: reconnected");
        }
    }
    cloud
        .set_properties(&id, json!({ "End": 1 }))
        .expect("the light is online");
    let left = machine.wait_line("heap: left ");
    let stack = machine.wait_line("stack: most ");
    machine.expect_end();

    let posts = cloud.transcript().entries();
    let posts = posts.iter().filter_map(|entry| {
        let topic = "/sys/a1ProdKey01/dev-0001/thing/event/property/post";
        let message = entry.message_on(Direction::Up, topic)?;
        (!message.dup).then(|| message.json()["params"]["Power"].clone())
    });
    assert_eq!(posts.collect::<Vec<_>>(), [0, 1, 0]);
    assert!(number(&connected, "connected ") <= HEAP_MAX, "{connected}");
    assert_eq!(number(&left, "left "), 0, "{left}");
    assert!(number(&stack, "most ") < 4096, "{stack}");
    println!("{connected}\n{left}\n{stack}");
}
