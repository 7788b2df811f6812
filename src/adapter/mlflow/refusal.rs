//! What the server means by a refusal.

use reqwest::StatusCode;

use crate::adapter::AdapterErrorKind;
use crate::net::http;

/// What a refusal comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The kind of error.
    pub(super) kind: AdapterErrorKind,
    /// Whether the same may succeed later.
    pub(super) can_pass: bool,
}

impl Meaning {
    /// By status and by MLflow's own word (`mlflow/exceptions.py`). The app for basic authentication answers with pages,
    /// and so do proxies.
    pub(super) fn of(
        status: StatusCode,
        code: &str,
        is_json: bool,
        said: &str,
        is_asked: bool,
    ) -> Self {
        let never = |kind| Self {
            kind,
            can_pass: false,
        };
        let later = |kind| Self {
            kind,
            can_pass: true,
        };
        match (status.as_u16(), code) {
            (401 | 403, _)
            | (_, "UNAUTHENTICATED" | "CUSTOMER_UNAUTHORIZED" | "PERMISSION_DENIED") => {
                never(AdapterErrorKind::PermissionDenied)
            }
            // It answers so for ever.
            (503, _) if said.contains("serve-artifacts`") => never(AdapterErrorKind::Unsupported),
            (429, _) => later(AdapterErrorKind::RateLimited),
            (503, _) if is_asked => later(AdapterErrorKind::RateLimited),
            (_, "RESOURCE_ALREADY_EXISTS") => never(AdapterErrorKind::AlreadyExists),
            (_, "RESOURCE_DOES_NOT_EXIST") => never(AdapterErrorKind::NotFound),
            (404, _) if is_json => never(AdapterErrorKind::NotFound),
            (413 | 501, _) => never(AdapterErrorKind::Unsupported),
            _ if http::can_pass(status) => later(AdapterErrorKind::Unexpected),
            _ => never(AdapterErrorKind::Unexpected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn refusals_mean_what_mlflow_and_proxies_mean_by_them() {
        use AdapterErrorKind as Kind;
        let old = "running in `--no-serve-artifacts` mode";
        let new = "Run `mlflow server` with `--serve-artifacts` to enable.";
        for (status, code, said, is_asked, kind, can_pass) in [
            (
                401,
                "",
                "You are not authenticated",
                false,
                Kind::PermissionDenied,
                false,
            ),
            (
                403,
                "",
                "Permission denied",
                false,
                Kind::PermissionDenied,
                false,
            ),
            (
                400,
                "PERMISSION_DENIED",
                "",
                false,
                Kind::PermissionDenied,
                false,
            ),
            (
                400,
                "RESOURCE_ALREADY_EXISTS",
                "",
                false,
                Kind::AlreadyExists,
                false,
            ),
            (
                404,
                "RESOURCE_DOES_NOT_EXIST",
                "",
                false,
                Kind::NotFound,
                false,
            ),
            (404, "NOT_FOUND", "", false, Kind::NotFound, false),
            (404, "", "404 Not Found", false, Kind::Unexpected, false),
            (
                400,
                "INVALID_PARAMETER_VALUE",
                "",
                false,
                Kind::Unexpected,
                false,
            ),
            (302, "", "", false, Kind::Unexpected, false),
            (413, "", "", false, Kind::Unsupported, false),
            (
                429,
                "REQUEST_LIMIT_EXCEEDED",
                "",
                true,
                Kind::RateLimited,
                true,
            ),
            (429, "", "", false, Kind::RateLimited, true),
            (503, "", "", true, Kind::RateLimited, true),
            (503, "", "", false, Kind::Unexpected, true),
            (503, "", old, false, Kind::Unsupported, false),
            (503, "", new, false, Kind::Unsupported, false),
            (500, "INTERNAL_ERROR", "", false, Kind::Unexpected, true),
            (502, "", "Bad Gateway", false, Kind::Unexpected, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let meaning = Meaning::of(status, code, !code.is_empty(), said, is_asked);
            assert_eq!(
                meaning,
                Meaning { kind, can_pass },
                "{status} {code} {said}"
            );
        }
    }
}
