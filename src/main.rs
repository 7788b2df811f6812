//! The `promote` program: everything is in the library.

/// Large organisations are many small values, made and dropped on all processors: with the allocator of the C library a quarter
/// of the time goes into that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    promote::cli::main()
}
