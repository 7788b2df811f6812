//! A proxy before a server that breaks one request in all the ways that lines and servers break.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The line breaks before the server has seen it.
    CutBefore,
    /// The server does what it is asked, and the line breaks before its answer.
    CutAfter,
    /// The line breaks in the middle of the answer.
    Truncated,
    /// Nobody ever answers.
    Silence,
    /// Another answer, with `Retry-After: 1`; the server has not seen the request.
    Status(u16),
}

#[derive(Debug, Default)]
struct Plan {
    seen: usize,
    fault: Option<(usize, Fault)>,
}

/// It. Each connection carries one request, so that requests can be counted.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
    is_over: Arc<AtomicBool>,
}

impl Proxy {
    /// Before a server on this machine.
    pub(crate) fn before(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (plan, is_over) = (Arc::new(Mutex::new(Plan::default())), Arc::default());
        let (shared, over) = (Arc::clone(&plan), Arc::clone(&is_over));
        thread::spawn(move || {
            for client in listener.incoming() {
                if AtomicBool::load(&over, Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), plan) = (client, Arc::clone(&shared)) else {
                    continue;
                };
                // Whoever hangs up ends it; there is nobody to tell.
                thread::spawn(move || serve(client, upstream, &plan).ok());
            }
        });
        Self {
            port,
            plan,
            is_over,
        }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Breaks the request of that number, from 0, counted from now.
    pub(crate) fn arm(&self, at: usize, fault: Fault) {
        *self.plan.lock().unwrap() = Plan {
            seen: 0,
            fault: Some((at, fault)),
        };
    }

    /// Breaks nothing any more, and counts from 0.
    pub(crate) fn disarm(&self) {
        *self.plan.lock().unwrap() = Plan::default();
    }

    /// How many requests there were since.
    pub(crate) fn seen(&self) -> usize {
        self.plan.lock().unwrap().seen
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
    }
}

fn serve(client: TcpStream, upstream: u16, plan: &Mutex<Plan>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut writer = client;
    let (head, body) = read_request(&mut reader)?;
    let fault = {
        let mut plan = plan.lock().unwrap();
        let number = plan.seen;
        plan.seen += 1;
        plan.fault.filter(|(at, _)| *at == number)
    };
    match fault.map(|(_, fault)| fault) {
        Some(Fault::CutBefore) => return writer.shutdown(Shutdown::Both),
        Some(Fault::Silence) => {
            // Until the client has had enough.
            reader.read_to_end(&mut Vec::new())?;
            return Ok(());
        }
        Some(Fault::Status(status)) => {
            let answer = format!(
                "HTTP/1.1 {status} Broken\r\nRetry-After: 1\r\nContent-Type: text/html\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<b>broken</b>"
            );
            return writer.write_all(answer.as_bytes());
        }
        Some(Fault::CutAfter | Fault::Truncated) | None => {}
    }
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?;
    server.write_all(&head)?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    match fault {
        Some((_, Fault::CutAfter)) => writer.shutdown(Shutdown::Both),
        Some((_, Fault::Truncated)) => {
            writer.write_all(answer.get(..truncated(&answer)).unwrap_or_default())
        }
        _ => writer.write_all(&answer),
    }
}

/// Half of the body, or half of the head when there is none.
fn truncated(answer: &[u8]) -> usize {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    match head.map(|at| at + 4) {
        Some(body) if body < answer.len() => body + (answer.len() - body) / 2,
        Some(_) | None => answer.len() / 2,
    }
}

/// A request with its body, told to end the connection after it.
fn read_request(reader: &mut BufReader<TcpStream>) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut head = Vec::new();
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        is_chunked |= lower.starts_with("transfer-encoding:") && lower.contains("chunked");
        if line == "\r\n" {
            head.extend_from_slice(b"Connection: close\r\n\r\n");
            break;
        }
        if !lower.starts_with("connection:") {
            head.extend_from_slice(line.as_bytes());
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    while is_chunked {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).unwrap();
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        body.extend_from_slice(line.as_bytes());
        body.extend_from_slice(&chunk);
        is_chunked = size > 0;
    }
    Ok((head, body))
}
