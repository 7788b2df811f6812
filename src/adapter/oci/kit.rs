//! Files out of tar layers, as `ModelKits` and some `ModelPacks` have them: one after the other, as the layer comes.

use std::io;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::adapter::ByteStream;
use crate::fs::tar::{Event, TarReader};
use crate::model::digest::TreePath;
use crate::redact::printable;

/// How many pieces of a file wait for its reader.
const WAITING: usize = 4;

/// A file of a layer, or why the layer cannot be taken apart.
pub(super) type Unpacked = Result<(TreePath, ByteStream), String>;

/// The files of a layer. Each has to be read before the next one comes.
pub(super) fn files(layer: ByteStream) -> BoxStream<'static, Unpacked> {
    let (sender, receiver) = channel(1);
    tokio::spawn(Unpacking { sender, file: None }.run(layer));
    received(receiver)
}

fn received<T: Send + 'static>(receiver: Receiver<T>) -> BoxStream<'static, T> {
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|next| (next, receiver))
    })
    .boxed()
}

/// What a piece of a layer holds.
enum Part {
    File(String),
    Other(String),
    Bytes(Bytes),
    End,
}

/// Nobody reads any more, or the layer is broken.
struct Over;

/// A layer on its way to a reader.
struct Unpacking {
    sender: Sender<Unpacked>,
    file: Option<Sender<io::Result<Bytes>>>,
}

impl Unpacking {
    async fn run(mut self, mut layer: ByteStream) {
        let mut reader = TarReader::default();
        while let Some(piece) = layer.next().await {
            let mut parts = Vec::new();
            let pushed = match &piece {
                Ok(piece) => reader.push(piece, &mut |event| parts.push(part(event, piece))),
                Err(error) => return self.fail(error.to_string()).await,
            };
            for part in parts {
                if self.take(part).await.is_err() {
                    return;
                }
            }
            if let Err(error) = pushed {
                return self.fail(error.to_string()).await;
            }
        }
        if let Err(error) = reader.finish() {
            self.fail(error.to_string()).await;
        }
    }

    async fn take(&mut self, part: Part) -> Result<(), Over> {
        match part {
            Part::File(name) => {
                let name = name.strip_prefix("./").unwrap_or(&name);
                let path: TreePath = match name.parse() {
                    Ok(path) => path,
                    Err(error) => {
                        self.fail(format!("`{}`: {error}", printable(name))).await;
                        return Err(Over);
                    }
                };
                let (sender, receiver) = channel(WAITING);
                self.file = Some(sender);
                let file = Ok((path, received(receiver)));
                self.sender.send(file).await.map_err(|_| Over)
            }
            Part::Bytes(bytes) => match &self.file {
                Some(file) => file.send(Ok(bytes)).await.map_err(|_| Over),
                None => Ok(()),
            },
            Part::End => {
                self.file = None;
                Ok(())
            }
            Part::Other(name) => {
                let message = format!("`{}` is neither a file nor a folder", printable(&name));
                self.fail(message).await;
                Err(Over)
            }
        }
    }

    /// Says it to whoever reads a file now, and to who waits for the next. That nobody listens is no error.
    async fn fail(&mut self, reason: String) {
        if let Some(file) = self.file.take() {
            let error = io::Error::new(io::ErrorKind::InvalidData, reason.clone());
            drop(file.send(Err(error)).await);
        }
        drop(self.sender.send(Err(reason)).await);
    }
}

/// An event without a reference to what it was read from.
fn part(event: Event<'_>, piece: &Bytes) -> Part {
    match event {
        Event::File { path, .. } => Part::File(path),
        Event::Other { path } => Part::Other(path),
        Event::Bytes(bytes) => Part::Bytes(piece.slice_ref(bytes)),
        Event::End => Part::End,
    }
}
