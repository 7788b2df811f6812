//! Random bytes of the operating system.

use ring::rand::{SecureRandom as _, SystemRandom};

/// The operating system has no random bytes to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct RandomError;

/// Random bytes that nobody can guess.
///
/// # Errors
///
/// When the operating system has none.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| RandomError)?;
    Ok(bytes)
}

/// A nonce for a signed statement: 128 random bits in hex.
///
/// # Errors
///
/// When the operating system has no random bytes.
pub fn nonce() -> Result<String, RandomError> {
    random_bytes::<16>().map(hex::encode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nonces_differ_and_have_128_bits() {
        let (one, other) = (nonce().unwrap(), nonce().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
    }
}
