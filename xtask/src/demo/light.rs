//! A light obeys the platform, over TLS.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{build::Built, stage::Scene};

/// The light's properties as the platform wishes them.
const ORANGE: &str = r#"{"LightSwitch":1,"RGBColor":{"Red":255,"Green":80,"Blue":0}}"#;
const OFF: &str = r#"{"LightSwitch":0}"#;

pub(super) fn converse(built: &Built) -> Result<()> {
    let mut program = Command::new(&built.sample);
    let mut scene = Scene::open(&built.platform, &mut program, "light")?;

    scene.title("The light starts: it connects over TLS and subscribes");
    scene.device.say("start")?;
    scene.hear("connection: subscribed")?;
    scene.show()?;

    scene.title("Its own switch is pressed: it reports that it is on");
    scene.device.say("pub open")?;
    scene.hear("light: on, red 255 green 255 blue 255")?;
    scene.hear("reply: ")?;
    scene.show()?;

    scene.title("The platform wishes orange: the light obeys, answers and reports");
    wish(&mut scene, ORANGE)?;
    scene.hear("light: on, red 255 green 80 blue 0")?;
    scene.hear("reply: ")?;
    scene.show()?;

    scene.title("The platform switches it off");
    wish(&mut scene, OFF)?;
    scene.hear("light: off, red 255 green 80 blue 0")?;
    scene.hear("reply: ")?;
    scene.show()?;

    scene.title("The light stops");
    scene.device.say("stop")?;
    scene.hear("connection: closed")?;
    scene.end()?;
    check(&scene)
}

/// Sets properties as a user does, and checks the light's answer.
fn wish(scene: &mut Scene, properties: &str) -> Result<()> {
    let device = scene.platform.device();
    let output = scene.command(&["set", &device, properties])?;
    let answer: Answer =
        serde_json::from_str(&output).with_context(|| format!("the answer {output:?}"))?;
    ensure!(answer.code == 200, "the light answered {output}");
    Ok(())
}

/// The light's answer to a wish.
#[derive(Deserialize)]
struct Answer {
    code: i64,
}

/// That the platform saw what the light said: TLS, all three reports, and the last state.
fn check(scene: &Scene) -> Result<()> {
    let entries = &scene.platform.entries;
    ensure!(
        entries.iter().any(|entry| entry.tls.is_some()),
        "the connection was not encrypted"
    );
    let reports = entries
        .iter()
        .filter(|entry| entry.is_up("/thing/event/property/post"));
    let reports = reports.count();
    ensure!(reports == 3, "{reports} reports arrived, not 3");
    let state = scene.platform.ask(&["devices", &scene.platform.device()])?;
    let state: serde_json::Value = serde_json::from_str(&state)?;
    for (property, value) in [
        ("LightSwitch", serde_json::json!(0)),
        (
            "RGBColor",
            serde_json::json!({"Red": 255, "Green": 80, "Blue": 0}),
        ),
    ] {
        let known = &state["properties"][property]["value"];
        ensure!(
            *known == value,
            "the platform has {known} for {property}, not {value}"
        );
    }
    Ok(())
}
