//! Directories as workspaces.
