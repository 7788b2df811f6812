//! What the program is told from outside: environment variables and references to secrets.

mod environment;
pub mod process;
pub mod secret;

pub use environment::Environment;
