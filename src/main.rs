//! The `promote` program: everything is in the library.

fn main() -> std::process::ExitCode {
    promote::cli::main()
}
