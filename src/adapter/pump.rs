//! Taking streams apart on threads that may block, as long as somebody waits for the result.

use std::io;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::adapter::ByteStream;

/// Lives in the future that waits; when that is dropped, the threads stop.
#[derive(Debug)]
pub(crate) struct Waiter {
    _sender: watch::Sender<()>,
}

/// Tells a thread whether its result is still wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    receiver: watch::Receiver<()>,
}

/// Both ends.
pub(crate) fn wanted() -> (Waiter, Wanted) {
    let (sender, receiver) = watch::channel(());
    (Waiter { _sender: sender }, Wanted { receiver })
}

impl Wanted {
    /// Whether somebody still waits.
    pub(crate) fn is_wanted(&self) -> bool {
        self.receiver.has_changed().is_ok()
    }

    /// An error when nobody waits any more.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.is_wanted() {
            Ok(())
        } else {
            Err(given_up())
        }
    }

    /// Waits for the next piece of a stream, on a thread that may block.
    pub(crate) fn next(&mut self, stream: &mut ByteStream) -> io::Result<Option<Bytes>> {
        Handle::current().block_on(async {
            tokio::select! {
                biased;
                chunk = stream.next() => chunk.transpose(),
                _ = self.receiver.changed() => Err(given_up()),
            }
        })
    }
}

fn given_up() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "it was given up")
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_thread_stops_when_nobody_waits_though_the_stream_never_ends() {
        let (waiter, mut wanted) = wanted();
        let mut pending: ByteStream = stream::pending().boxed();
        let thread = tokio::task::spawn_blocking(move || wanted.next(&mut pending));
        drop(waiter);
        assert!(thread.await.unwrap().is_err());
    }
}
