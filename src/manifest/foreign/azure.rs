//! What the formats of Azure ML share.

/// Whether a value that is given as plain text leads to data all the same.
pub(super) fn looks_like_address(text: &str) -> bool {
    text.contains("://") || text.starts_with("azureml:")
}
