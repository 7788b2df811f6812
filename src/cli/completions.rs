//! `promote completions`.

use clap_complete::Shell;

use crate::cli::Exit;
use crate::context::Context;
use crate::error::{FailureKind, OrFail as _, Result};
use crate::ui::Terminal;

/// Print completions for a shell
///
/// For bash: `promote completions bash > /etc/bash_completion.d/promote`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

#[expect(clippy::unused_async, reason = "all commands have one shape")]
pub(crate) async fn run(terminal: &Terminal, _: &Context, args: &Args) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::command(), "promote", &mut text);
    terminal
        .data(&String::from_utf8_lossy(&text))
        .or_fail(FailureKind::Unavailable)?;
    Ok(Exit::Done)
}
