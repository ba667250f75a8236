//! `cargo xtask demo`: a program of `c_samples`, linked as firmware is, meets the local platform over TLS.
//!
//! Everything is built as the README says, and run as a user would: the platform and its commands are the program
//! `iotkit-cloud`. What the device prints and what the platform records are shown together, in the order of time.

mod build;
mod light;
mod ota;
mod stage;

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use console::style;

use build::{Built, check_tools};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What is shown
    #[arg(value_enum, default_value_t)]
    what: What,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum What {
    /// A light that obeys the platform
    #[default]
    Light,
    /// A firmware upgrade over a link that breaks
    Ota,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let start = Instant::now();
    check_tools()?;
    let (sample, what) = match args.what {
        What::Light => ("rgb_led", "light"),
        What::Ota => ("ota_over_mqtt", "device"),
    };
    println!("{}", style("Building").bold());
    let built = Built::build(sample, &format!("the {what}"))?;
    println!();
    match args.what {
        What::Light => light::converse(&built)?,
        What::Ota => ota::converse(&built)?,
    }
    how_to_go_on(&built, what, start.elapsed());
    Ok(())
}

fn how_to_go_on(built: &Built, what: &str, time: Duration) {
    let heading = |text: &str| println!("{}", style(text).bold());
    println!(
        "{} in {:.0} s: an unchanged V2.10 program, this library, and no account.\n",
        style("Done").green().bold(),
        time.as_secs_f64()
    );
    heading("Go on by hand");
    println!(
        "  cargo run -p iotkit-cloud -- serve     the platform; it prints the device it made up"
    );
    println!(
        "  {:<38} the {what}; c_samples/README.md says how they meet",
        short(&built.sample)
    );
    println!("  cargo run -p iotkit-cloud -- --help    what the platform can do with a device");
    heading("Use it in a firmware");
    println!("  README.md                              the link line, the HAL it needs, CMake");
    println!("  cargo xtask test                       what is promised, tested");
}

/// A path as seen from the current folder, if it lies below.
fn short(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
