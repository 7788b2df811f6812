//! What would be done, in order. Pure: facts come in as arguments.

pub mod acts;
pub mod desired;
pub mod needs;
pub mod state;
