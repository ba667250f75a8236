//! The platform's binary: see `iotkit-cloud --help`, and the package's README.

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
