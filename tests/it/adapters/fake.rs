//! A small HTTP server that answers as a test tells it, or stands before a real server and meddles.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query, as they came.
    pub(crate) target: String,
    /// All headers, as they came.
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

/// What is answered: the bytes of a whole answer. None at all closes the line.
pub(crate) type Answer = Vec<u8>;

/// A server until it is dropped. Each request has a line and a thread of its own.
#[derive(Debug)]
pub(crate) struct Fake {
    port: u16,
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Fake {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let fake = Self {
            port: listener.local_addr().unwrap().port(),
            is_over: Arc::default(),
            seen: Arc::default(),
        };
        let (is_over, seen) = (Arc::clone(&fake.is_over), Arc::clone(&fake.seen));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream.ok()?, answer.as_ref(), &seen));
            }
        });
        fake
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &(impl Fn(&Request) -> Answer + ?Sized),
    seen: &Mutex<Vec<Request>>,
) -> Option<()> {
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let request = read(&mut stream)?;
    seen.lock().ok()?.push(request.clone());
    stream.write_all(&answer(&request)).ok()
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut piece = [0; 65536];
    let end = loop {
        let found = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        match found {
            Some(end) => break end,
            None => match stream.read(&mut piece).ok()? {
                0 => return None,
                count => bytes.extend_from_slice(&piece[..count]),
            },
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let (first, headers) = head.split_once("\r\n")?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let length = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = bytes.split_off(end + 4);
    while body.len() < length.unwrap_or(0) {
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    Some(Request {
        method,
        target,
        headers: headers.to_owned(),
        body,
    })
}

impl Request {
    /// Whether it is this call.
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }

    /// What another server answers to it.
    pub(crate) fn forward(&self, port: u16) -> Answer {
        let is_ours = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            ["connection", "content-length"].contains(&name.to_ascii_lowercase().as_str())
        };
        let kept = self.headers.lines().filter(|line| !is_ours(line));
        let kept: Vec<&str> = kept.collect();
        let head = format!(
            "{} {} HTTP/1.1\r\n{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.method,
            self.target,
            kept.join("\r\n"),
            self.body.len()
        );
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&self.body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }
}

/// An answer with a status, further headers (each with its line end) and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// A good answer in JSON.
pub(crate) fn json(body: &serde_json::Value) -> Answer {
    answer(
        "200 OK",
        "Content-Type: application/json\r\n",
        &body.to_string(),
    )
}
