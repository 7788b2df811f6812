//! The command line: one file a command, each thin: parse, call `ops`, render.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::clock::SystemClock;
use crate::config::Environment;
use crate::context::{Context, Settings};
use crate::engine::{Unwatched, Watcher};
use crate::error::{Failure, FailureKind, Result};
use crate::model::secret::SecretRef;
use crate::progress::{Progress, Silent};
use crate::ui::progress::Bar;
use crate::ui::{OutputFormat, Terminal, failure, logging};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is done, or there was nothing to do.
    Done,
    /// It answered, and the answer is one that scripts want to see in the exit code.
    Ended(FailureKind),
    /// It answered with a code of its own, as `plan --detailed-exitcode` does.
    Code(u8),
}

mod act;
mod names;
mod render;
mod times;

macro_rules! commands {
    ($($module:ident => $variant:ident,)*) => {
        $(mod $module;)*

        /// A command. Its help is the documentation of its arguments.
        #[derive(Debug, Subcommand)]
        enum Command {
            $($variant($module::Args),)*
        }

        async fn dispatch(command: &Command, terminal: &Terminal, context: &Context) -> Result<Exit> {
            match command {
                $(Command::$variant(args) => $module::run(terminal, context, args).await,)*
            }
        }
    };
}

commands! {
    abort => Abort,
    access => Access,
    apply => Apply,
    approve => Approve,
    bundle => Bundle,
    check => Check,
    compare => Compare,
    completions => Completions,
    cost => Cost,
    declassify => Declassify,
    demo => Demo,
    digest => Digest,
    doctor => Doctor,
    explain => Explain,
    gto => Gto,
    history => History,
    hold => Hold,
    init => Init,
    ledger => Ledger,
    lineage => Lineage,
    mark_bad => MarkBad,
    overrule => Override,
    plan => Plan,
    register => Register,
    reject => Reject,
    request => Request,
    resume => Resume,
    retry => Retry,
    review => Review,
    rollback => Rollback,
    scan => Scan,
    search => Search,
    status => Status,
    topology => Topology,
    trust => Trust,
    verify => Verify,
    watch => Watch,
    withdraw => Withdraw,
    witness => Witness,
}

/// Promotes machine-learning artifacts from dev to prod
///
/// Git says what should be where. The ledger says what is where, and why that was allowed. `promote` acts only when Git
/// asks, the gates agree, the people approve and the data labels permit.
///
/// See the whole story on a real model, in a folder of its own: `promote demo`.
#[derive(Debug, Parser)]
#[command(name = "promote", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// The promotion repository: a path or an address
    #[arg(
        long,
        short = 'C',
        global = true,
        env = "PROMOTE_REPOSITORY",
        default_value = ".",
        value_name = "PATH|URL"
    )]
    repository: String,

    /// The remote whose branches count; `none` for those of the repository itself, `offline` for what is here of them and to
    /// ask nobody [default: origin, if there is one]
    #[arg(long, global = true, env = "PROMOTE_REMOTE", value_name = "NAME")]
    remote: Option<String>,

    /// The branch that says what should be where
    #[arg(
        long = "main-branch",
        global = true,
        env = "PROMOTE_BRANCH",
        default_value = "main",
        value_name = "NAME"
    )]
    main_branch: String,

    /// How data is printed
    #[arg(long, short, global = true, value_enum, default_value_t)]
    output: OutputFormat,

    /// A folder for staged bytes, locks and mirrors [default: inside `.git`, or below the XDG state folder]
    #[arg(
        long = "state",
        global = true,
        env = "PROMOTE_STATE",
        value_name = "DIR"
    )]
    state: Option<PathBuf>,

    /// The engine's key: `file:PATH`, `env:NAME` or `command:PROGRAM`
    #[arg(
        long,
        global = true,
        env = "PROMOTE_ENGINE_KEY",
        hide_env_values = true,
        value_name = "REF"
    )]
    engine_key: Option<SecretRef>,

    /// The log's key, in the same form
    #[arg(
        long,
        global = true,
        env = "PROMOTE_LOG_KEY",
        hide_env_values = true,
        value_name = "REF"
    )]
    log_key: Option<SecretRef>,

    /// The SSH key you sign with; a public key if an agent holds the private one [default: `~/.ssh/id_ed25519`]
    #[arg(long, global = true, env = "PROMOTE_SIGNING_KEY", value_name = "FILE")]
    signing_key: Option<PathBuf>,

    /// A checkpoint that was kept elsewhere, which the ledger must go on from; `promote verify` writes one
    #[arg(long, global = true, env = "PROMOTE_PINNED", value_name = "FILE")]
    pinned: Option<PathBuf>,

    /// Say more on standard error; twice for everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// Show no progress bars
    #[arg(long, short, global = true)]
    quiet: bool,

    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done or nothing to do, 1 invalid input or configuration, 2 usage, 3 denied or rejected,
4 waiting (approval, soak time, freeze), 5 unavailable, 6 promotion failed or errored, 7 conflict, 70 internal.";

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() {
                FailureKind::Usage.exit_code()
            } else {
                0
            };
            // Nothing can be done when standard error is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    logging::start(cli.verbose);
    let terminal = Terminal::new(cli.output);
    let context = context(&cli);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(&cli.command, &terminal, &context)),
        Err(error) => Err(Failure::of(FailureKind::Internal, &error)),
    };
    let code = match ended {
        Ok(Exit::Done) => 0,
        Ok(Exit::Ended(kind)) => kind.exit_code(),
        Ok(Exit::Code(code)) => code,
        Err(failure) => {
            show(&terminal, &failure);
            failure.kind.exit_code()
        }
    };
    ExitCode::from(code)
}

/// The command line as a tree, for completions and for the reference.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

fn show(terminal: &Terminal, failure: &Failure) {
    let text = match terminal.format() {
        OutputFormat::Json => failure::render_json(failure),
        OutputFormat::Table | OutputFormat::Yaml | OutputFormat::Name => {
            failure::render(failure).trim_end().to_owned()
        }
    };
    // Nothing can be done when standard error is gone.
    drop(terminal.note(&text));
}

fn context(cli: &Cli) -> Context {
    let progress: Arc<dyn Progress> = if cli.quiet {
        Arc::new(Silent)
    } else {
        Arc::new(Bar::default())
    };
    let environment = Environment::from_process();
    let watcher = watcher(&environment);
    let settings = Settings {
        repository: cli.repository.clone(),
        remote: cli.remote.clone(),
        branch: cli.main_branch.clone(),
        state: cli.state.clone(),
        engine_key: cli.engine_key.clone(),
        log_key: cli.log_key.clone(),
        signing_key: cli.signing_key.clone(),
        pinned: cli.pinned.clone(),
    };
    Context {
        clock: Arc::new(SystemClock),
        environment,
        progress,
        watcher,
        settings,
    }
}

/// In a debug build, a process that kills itself after a step, so that tests see what a power cut leaves.
#[cfg(debug_assertions)]
fn watcher(environment: &Environment) -> Arc<dyn Watcher> {
    match environment.get("PROMOTE_TEST_KILL_AFTER") {
        Some(step) => Arc::new(KillAfter(step.to_owned())),
        None => Arc::new(Unwatched),
    }
}

#[cfg(not(debug_assertions))]
fn watcher(_: &Environment) -> Arc<dyn Watcher> {
    Arc::new(Unwatched)
}

#[cfg(debug_assertions)]
#[derive(Debug)]
struct KillAfter(String);

#[cfg(debug_assertions)]
impl Watcher for KillAfter {
    fn reached(&self, step: crate::engine::Step) {
        if step.word() == self.0 {
            let process = rustix::process::getpid();
            let killed = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            tracing::error!(?killed, "still alive");
        }
    }
}
