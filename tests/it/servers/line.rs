//! A proxy before a server that changes requests and answers, or gives others: for servers that will not misbehave by
//! themselves.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

/// A request or an answer, whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) first: String,
    /// Names, in small letters, and values.
    pub(crate) headers: Vec<(String, String)>,
    /// What follows, as it came.
    pub(crate) body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Step {
    /// It goes on, as it is by now.
    Pass,
    /// It goes on, and only half of the answer comes back.
    Halve,
    /// It is answered here.
    Answer(Message),
    /// The line is cut.
    Cut,
}

type Rule = dyn Fn(&mut Message) -> Step + Send + Sync;
type Change = dyn Fn(&Message, &mut Message) + Send + Sync;

/// Listens for as long as the process runs, and says where.
pub(crate) fn start(
    upstream: u16,
    rule: impl Fn(&mut Message) -> Step + Send + Sync + 'static,
    change: impl Fn(&Message, &mut Message) + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (rule, change): (Arc<Rule>, Arc<Change>) = (Arc::new(rule), Arc::new(change));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (rule, change) = (Arc::clone(&rule), Arc::clone(&change));
            // A line that breaks is what some tests want.
            std::thread::spawn(move || serve(stream, upstream, &*rule, &*change).ok());
        }
    });
    port
}

impl Message {
    /// An answer.
    pub(crate) fn answer(first: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter();
        Self {
            first: format!("HTTP/1.1 {first}"),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    /// The method and what is asked for, such as `PUT /bucket/a?b`.
    pub(crate) fn asks(&self) -> &str {
        self.first.rsplit_once(' ').map_or("", |(asks, _)| asks)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Self> {
        let mut message = Self::default();
        reader.read_line(&mut message.first)?;
        message.first = message.first.trim_end().to_owned();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) => message
                    .headers
                    .push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => return Ok(message),
            }
        }
    }

    fn write(&self, stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
        let mut head = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            if name != "connection" {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str("connection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)
    }
}

fn serve(stream: TcpStream, upstream: u16, rule: &Rule, change: &Change) -> io::Result<()> {
    let mut client = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut request = Message::read(&mut reader)?;
    let length = request
        .header("content-length")
        .and_then(|length| length.parse().ok());
    reader
        .take(length.unwrap_or(0))
        .read_to_end(&mut request.body)?;
    let step = rule(&mut request);
    if let Step::Answer(mut answer) = step {
        let length = answer.body.len().to_string();
        answer.headers.push(("content-length".to_owned(), length));
        return answer.write(&mut client, &answer.body);
    }
    if matches!(step, Step::Cut) {
        return client.shutdown(Shutdown::Both);
    }
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?;
    request.write(&mut server, &request.body)?;
    let mut reader = BufReader::new(server);
    let mut answer = Message::read(&mut reader)?;
    reader.read_to_end(&mut answer.body)?;
    change(&request, &mut answer);
    let half = answer.body.get(..answer.body.len() / 2).unwrap_or_default();
    let body = if matches!(step, Step::Halve) {
        half
    } else {
        &answer.body
    };
    answer.write(&mut client, body)
}
