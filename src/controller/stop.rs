//! Being told to stop.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Tells whoever has a clone to stop: those who wait at once, those who work when they look. Never taken back.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    waiting: Arc<Notify>,
}

impl Stop {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Asking twice is the same.
    pub fn request(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.waiting.notify_waiters();
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// Ends when somebody asks, or has asked.
    pub async fn requested(&self) {
        let mut notified = pin!(self.waiting.notified());
        // Listen before looking, or a request between the two would be missed.
        notified.as_mut().enable();
        if !self.is_requested() {
            notified.await;
        }
    }

    /// The flag alone, for those who only look.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_seen_by_all_before_and_after() {
        let stop = Stop::new();
        let clone = stop.clone();
        let waiting = tokio::spawn(async move { clone.requested().await });
        tokio::task::yield_now().await;
        assert!(!stop.is_requested() && !waiting.is_finished());
        stop.request();
        waiting.await.unwrap();
        stop.requested().await;
        assert!(stop.is_requested() && stop.flag().load(Ordering::SeqCst));
    }
}
