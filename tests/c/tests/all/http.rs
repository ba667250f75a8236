//! Messages over HTTPS, against the platform's web server.

use iotkit_c_tests::{Hal, Identity, Peer, Program, Run};
use iotkit_cloud::{AnswerFault, Cloud, Config, What};

use crate::common::{DOWNTIME, lamp, platform, transports};

/// Whatever the device looks for is the web server.
fn peer(cloud: &Cloud) -> Peer {
    Peer {
        address: cloud.web_address(),
        ..Peer::from(cloud)
    }
}

fn requests(cloud: &Cloud) -> Vec<String> {
    let entries = cloud.transcript().entries();
    entries
        .into_iter()
        .filter_map(|entry| match entry.what {
            What::Web { request, .. } => Some(request),
            _ => None,
        })
        .collect()
}

#[test]
fn the_sample_reports() {
    for &hal in transports() {
        let cloud = platform();
        let sample = Program::sample("http_report", hal);
        Run::new(&sample, &lamp(), &peer(&cloud))
            .finish()
            .expect_lines(&["http: reported"])
            .expect_success();
        let path = "POST /topic/a1ProdKey01/dev-0001/update";
        assert_eq!(requests(&cloud), ["POST /auth", path]);
        cloud.fault_answer(AnswerFault::Code(20000));
        Run::new(&sample, &lamp(), &peer(&cloud))
            .finish()
            .expect_lines(&["http: failed"])
            .expect_status(1);
    }
}

/// A device that knows its product's secret alone gets its own, if it is one of the platform's.
#[test]
fn a_device_registers_itself() {
    const PRODUCT_SECRET: &str = "made-up-product-secret"; // made up

    for &hal in transports() {
        let mut config = Config::default().device(&lamp().id, &lamp().secret);
        let product = config.products.get_mut(&lamp().id.product_key);
        product.expect("the lamp's").secret = Some(PRODUCT_SECRET.into());
        let cloud = Cloud::start(config).expect("the platform starts");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("secret");
        let run = |name: &str, secret: &str| {
            let identity = Identity::new(&lamp().id.product_key, name, "none");
            Run::new(
                &Program::sample("dynamic_register", hal),
                &identity,
                &peer(&cloud),
            )
            .args([file.to_str().expect("a path in UTF-8")])
            .env("PRODUCT_SECRET", secret)
            .env("SAMPLE_LOG", "5")
            .finish()
        };
        let outcome = run(&lamp().id.device_name, PRODUCT_SECRET);
        outcome.expect_success();
        assert!(!outcome.stdout().contains(&lamp().secret), "{outcome}");
        let kept = std::fs::read_to_string(&file).expect("the secret was kept");
        assert_eq!(kept, lamp().secret);
        run(&lamp().id.device_name, "another").expect_status(1);
        run("nobody", PRODUCT_SECRET).expect_status(1);
    }
}

#[test]
fn messages_are_what_the_header_says() {
    /// All codes of the interface but success and the token that has expired.
    const CODES: [i64; 8] = [10000, 10001, 20000, 20002, 20003, 20004, 30001, 40000];

    for &hal in transports() {
        let cloud = platform();
        let count = CODES.len().to_string();
        let mut running = Run::new(&Program::test("http", hal), &lamp(), &peer(&cloud))
            .args([&*count])
            .start();
        running.step("messages", || {});
        running.step("a small buffer", || {});
        for code in CODES {
            running.step("code", || cloud.fault_answer(AnswerFault::Code(code)));
        }
        let mut before = 0;
        running.step("expired", || {
            before = requests(&cloud).len();
            cloud.expire_tokens();
        });
        running.step("strange answers", || {
            // Once refused, authenticated again, and sent once more.
            let path = "POST /topic/a1ProdKey01/dev-0001/update";
            assert_eq!(requests(&cloud)[before..], [path, "POST /auth", path]);
            cloud.fault_answer(AnswerFault::Body("<html>".to_owned()));
            cloud.fault_answer(AnswerFault::Body(r#"{"code":0,"message":"m"}"#.to_owned()));
            cloud.fault_answer(AnswerFault::Close);
            // Closed on a connection that was kept: the device has tried once more.
            cloud.fault_answer(AnswerFault::Close);
            cloud.fault_answer(AnswerFault::Status(500));
            cloud.fault_answer(AnswerFault::DelayMs(2500));
        });
        running.step("no token", || {
            let long = "t".repeat(193);
            let token = |token: &str| {
                let body = format!(r#"{{"code":0,"message":"m","info":{{"token":"{token}"}}}}"#);
                cloud.fault_answer(AnswerFault::Body(body));
            };
            token(&long);
            token("");
            cloud.fault_answer(AnswerFault::Code(20000));
        });
        running.finish().expect_success();
    }
}

/// mqtt-15.6: a library with feature `guider` asks before each connection.
#[test]
fn a_device_asks_where_to_connect() {
    let cloud = platform();
    let program = Program::test("guided", Hal::Guided);
    let mut running = Run::new(&program, &lamp(), &peer(&cloud)).start();
    running.step("strange answers", || {
        let token = "t".repeat(257);
        let long = format!(
            r#"{{"code":200,"data":{{"iotId":"i","iotToken":"{token}","resources":{{"mqtt":{{"host":"h","port":1}}}}}}}}"#
        );
        cloud.fault_answer(AnswerFault::Code(6288));
        cloud.fault_answer(AnswerFault::Body("<html>".to_owned()));
        cloud.fault_answer(AnswerFault::Body(r#"{"code":200,"data":{}}"#.to_owned()));
        cloud.fault_answer(AnswerFault::Body(long));
        cloud.fault_answer(AnswerFault::Close);
        cloud.fault_answer(AnswerFault::DelayMs(10_500));
    });
    running.step("lose", || {
        cloud.restart(DOWNTIME).expect("the port is still free");
    });
    running.finish().expect_success();
    let asked = requests(&cloud);
    assert!(asked.len() >= 9, "{asked:?}");
    assert!(asked.iter().all(|line| line == "POST /auth/devicename"));
}
