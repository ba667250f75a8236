//! A firmware of 8 MiB over a link that breaks twice: the download goes on where it was.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};

use super::{build::Built, stage::Scene};

/// Its length in bytes, and after how many the link breaks, each time.
const LEN: usize = 8 << 20;
const CUT: usize = 3_000_000;

/// So much of the library's log that it tells of lost connections.
const LOG: &str = "4";
const LOST: &str = "[inf] iotkit(0): ota: connection lost";

pub(super) fn converse(built: &Built) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("firmware.bin");
    let received = folder.path().join("received.bin");
    fs::write(&image, made_up(LEN)).with_context(|| image.display().to_string())?;

    let mut program = Command::new(&built.sample);
    program.arg(&received).env("SAMPLE_LOG", LOG);
    let mut scene = Scene::open(&built.platform, &mut program, "device")?;
    let device = scene.platform.device();

    scene.title("The device starts: it reports the version that it runs");
    scene.hear("ota: version 1.0.0 runs")?;
    scene.show()?;

    scene.title("The platform gets a firmware of 8 MiB, and a web server that breaks off twice");
    let name = image
        .to_str()
        .context("the temporary folder's name is text")?;
    scene.command(&["firmware", "add", name, "--version", "2.0.0"])?;
    let faults = format!(r#"{{"cut-at":{CUT},"times":2}}"#);
    scene.command(&["ota", "faults", &faults])?;
    scene.show()?;

    scene.title("It is pushed: the device fetches it, and goes on where the link broke");
    scene.command(&["ota", "push", "--version", "2.0.0", &device])?;
    scene.hear(LOST)?;
    scene.hear(LOST)?;
    scene.hear("ota: the image is what was announced")?;
    scene.show()?;

    scene.title("The device reports the version that it runs now");
    scene.end()?;
    let status = scene.command(&["ota", "status"])?;
    scene.show()?;
    print!("{status}");
    check(&scene, &status)?;
    let (sent, came) = (fs::read(&image)?, fs::read(&received)?);
    ensure!(sent == came, "the device has another file");
    println!("The device's file is the platform's, byte for byte.\n");
    Ok(())
}

/// Bytes that do not repeat soon.
fn made_up(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let bytes = (0..len).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    bytes.collect()
}

/// That the platform saw what the device did: three requests, each later one for less, progress, and the new version.
fn check(scene: &Scene, status: &str) -> Result<()> {
    let entries = &scene.platform.entries;
    let requests: Vec<_> = entries
        .iter()
        .filter(|entry| entry.request.is_some())
        .map(|entry| (entry.begin(), entry.status))
        .collect();
    let good = matches!(
        requests[..],
        [(None, Some(200)), (Some(first), Some(206)), (Some(second), Some(206))]
            if 0 < first && first < second && second < LEN
    );
    ensure!(good, "the device fetched it otherwise: {requests:?}");
    let topic = format!("/ota/device/progress/{}", scene.platform.device());
    let progress = entries.iter().filter(|entry| entry.is_up(&topic));
    ensure!(
        progress.count() >= 10,
        "the device did not say at each tenth how far it is"
    );
    ensure!(
        status.contains("is to run 2.0.0: succeeded"),
        "the platform says of the device: {status}"
    );
    Ok(())
}
