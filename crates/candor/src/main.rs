//! `candor <party> <verb>`: the one binary. Everything is in the library, so that the tests run the
//! same cast.

use std::process::ExitCode;

fn main() -> ExitCode {
    candor::cli::main()
}
