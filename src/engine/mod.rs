//! Makes workspaces hold what Git asks for, when the gates agree, and records why.

pub mod trust;
