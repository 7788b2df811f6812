//! What the fake does with Azurite: containers, signatures, and copies from one container to another.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::fake::CONTAINER;
use super::http::{Reply, Request};
use crate::servers::Server;
use crate::servers::azurite::{ACCOUNT, KEY, azurite};

const VERSION: &str = "2021-08-06";
const END: &str = "2099-01-01T00:00:00Z";

/// A real Azurite, seen by who owns the account. It starts when it is needed.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    server: OnceLock<Server>,
}

impl Blobs {
    fn server(&self) -> &Server {
        let is_new = self.server.get().is_none();
        let server = self.server.get_or_init(azurite);
        if is_new {
            self.create(CONTAINER);
        }
        server
    }

    /// Where it is: host and port.
    pub(super) fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.server().port())
    }

    /// The address of a container.
    pub(super) fn url(&self, container: &str) -> String {
        format!("{}/{ACCOUNT}/{container}", self.server().url())
    }

    /// The query of a signature for one container.
    pub(super) fn signature(container: &str, permissions: &str) -> String {
        let resource = format!("/blob/{ACCOUNT}/{container}");
        let fields = [
            permissions,
            "",
            END,
            &resource,
            "",
            "",
            "",
            VERSION,
            "c",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
        ];
        let signature = sign(&fields.join("\n"));
        format!(
            "sp={permissions}&se={}&sv={VERSION}&sr=c&sig={signature}",
            escaped(END)
        )
    }

    /// The query of a signature for everything in the account.
    fn own() -> String {
        let fields = [
            ACCOUNT, "rwdlac", "b", "sco", "", END, "", "", VERSION, "", "",
        ];
        let signature = sign(&fields.join("\n"));
        format!(
            "sv={VERSION}&ss=b&srt=sco&sp=rwdlac&se={}&sig={signature}",
            escaped(END)
        )
    }

    /// Makes a container, unless it is there.
    pub(super) fn create(&self, container: &str) {
        let (status, body) = self.send("PUT", &format!("{container}?restype=container"), &[], &[]);
        assert!(
            matches!(status, 201 | 409),
            "{status} {}",
            String::from_utf8_lossy(&body)
        );
    }

    /// The names of all blobs of a container that begin with a text.
    pub(super) fn names(&self, container: &str, prefix: &str) -> Vec<String> {
        let query = format!(
            "{container}?restype=container&comp=list&prefix={}",
            escaped(prefix)
        );
        let (status, body) = self.send("GET", &query, &[], &[]);
        let body = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{body}");
        let names = body.split("<Name>").skip(1);
        names
            .map(|rest| rest.split_once("</Name>").unwrap().0)
            .map(|name| {
                name.replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&")
            })
            .map(|name| name.replace("&quot;", "\"").replace("&apos;", "'"))
            .collect()
    }

    pub(super) fn read(&self, container: &str, blob: &str) -> Vec<u8> {
        let (status, body) = self.send("GET", &format!("{container}/{}", path(blob)), &[], &[]);
        assert_eq!(status, 200, "{blob}: {}", String::from_utf8_lossy(&body));
        body
    }

    pub(super) fn write(&self, container: &str, blob: &str, bytes: &[u8]) {
        let target = format!("{container}/{}", path(blob));
        let (status, body) = self.send("PUT", &target, &[("x-ms-blob-type", "BlockBlob")], bytes);
        assert_eq!(status, 201, "{blob}: {}", String::from_utf8_lossy(&body));
    }

    pub(super) fn delete(&self, container: &str, blob: &str) {
        let (status, _) = self.send("DELETE", &format!("{container}/{}", path(blob)), &[], &[]);
        assert_eq!(status, 202, "{blob}");
    }

    /// What Azurite says to a request that came for it by another address.
    pub(super) fn forward(&self, request: &Request) -> Reply {
        let query: Vec<String> = request
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
            .collect();
        let mut head = format!(
            "{} {}?{} HTTP/1.0\r\nHost: {}\r\n",
            request.method,
            request.path,
            query.join("&"),
            self.endpoint()
        );
        for (name, value) in &request.headers {
            if !matches!(name.as_str(), "host" | "connection" | "content-length") {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let (status, headers, body) = self.exchange(head, &request.body);
        let code = headers.get("x-ms-error-code").cloned().unwrap_or_default();
        Reply {
            status,
            headers: vec![("x-ms-error-code", code)],
            body,
        }
    }

    /// One request, as HTTP/1.0 so that the answer comes in one piece.
    fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let mark = if target.contains('?') { '&' } else { '?' };
        let mut head = format!(
            "{method} /{ACCOUNT}/{target}{mark}{} HTTP/1.0\r\nHost: {}\r\nx-ms-version: {VERSION}\r\n",
            Self::own(),
            self.endpoint(),
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let (status, _, body) = self.exchange(head, body);
        (status, body)
    }

    /// Sends a head and a body, and reads the answer: status, headers, body.
    fn exchange(&self, mut head: String, body: &[u8]) -> (u16, BTreeMap<String, String>, Vec<u8>) {
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server().port())).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
        let end = end.unwrap();
        let head = std::str::from_utf8(&answer[..end]).unwrap();
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let headers = lines
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        (
            head[9..12].parse().unwrap(),
            headers,
            answer[end + 4..].to_vec(),
        )
    }
}

fn sign(text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(KEY).unwrap());
    escaped(&STANDARD.encode(hmac::sign(&key, text.as_bytes())))
}

fn path(blob: &str) -> String {
    let parts: Vec<String> = blob.split('/').map(escaped).collect();
    parts.join("/")
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
