//! Log lines, on standard error.

use tracing_subscriber::EnvFilter;

/// Starts logging: warnings alone, then what is done, then everything. `PROMOTE_LOG` says it in detail instead.
pub fn start(verbosity: u8) {
    let level = match verbosity {
        0 => "warn",
        1 => "promote=info",
        _ => "promote=debug",
    };
    let filter = EnvFilter::try_from_env("PROMOTE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second subscriber in one process is of no use and no harm.
    drop(subscriber.try_init());
}
