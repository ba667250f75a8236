//! The platform's binary: see `iotkit-cloud --help`, and docs/cloud.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    match iotkit_cloud::cli::run(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("iotkit-cloud: {error:#}");
            ExitCode::FAILURE
        }
    }
}
