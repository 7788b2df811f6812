//! The binary encoding of SSH (RFC 4251, section 5), read strictly: every length must be exact and every number must
//! have its one encoding, so that no two different texts mean the same key or signature.

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What is left to read.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Exactly so many bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1)?.first().copied().ok_or(Malformed)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?.try_into().map_err(|_| Malformed)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// A byte string with its length in front.
    pub(super) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        self.take(length)
    }

    /// A byte string that is text.
    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.string()?).map_err(|_| Malformed)
    }

    /// A number above zero, big-endian without leading zeros. A zero byte that only keeps the sign is taken off.
    pub(super) fn positive(&mut self) -> Result<&'a [u8], Malformed> {
        match self.string()? {
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            number @ [1..=0x7f, ..] => Ok(number),
            _ => Err(Malformed),
        }
    }

    /// That nothing is left.
    pub(super) const fn finish(self) -> Result<(), Malformed> {
        match self.0 {
            [] => Ok(()),
            _ => Err(Malformed),
        }
    }
}

/// Writes a byte string with its length in front.
pub(super) fn put_string(bytes: &mut Vec<u8>, string: &[u8]) {
    // Longer strings cannot come: everything read is bounded far below.
    let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(string);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_have_one_encoding() {
        for (encoded, number) in [
            (&[0, 0, 0, 1, 5][..], Ok(&[5][..])),
            (&[0, 0, 0, 2, 0, 0x80], Ok(&[0x80])),
            (&[0, 0, 0, 2, 0, 5], Err(Malformed)),
            (&[0, 0, 0, 1, 0x80], Err(Malformed)),
            (&[0, 0, 0, 1, 0], Err(Malformed)),
            (&[0, 0, 0, 0], Err(Malformed)),
            (&[0, 0, 0, 2, 5], Err(Malformed)),
        ] {
            assert_eq!(Reader::new(encoded).positive(), number);
        }
    }

    proptest! {
        #[test]
        fn strings_are_read_back_exactly(string: Vec<u8>, more: Vec<u8>) {
            let mut bytes = Vec::new();
            put_string(&mut bytes, &string);
            bytes.extend(&more);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.string(), Ok(&string[..]));
            prop_assert_eq!(reader.finish().is_ok(), more.is_empty());
        }
    }
}
