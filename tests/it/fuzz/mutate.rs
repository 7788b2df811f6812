//! Damage to inputs, from random numbers that are the same each time.

/// The longest input that is made, in bytes.
pub(super) const MAX_INPUT_BYTES: usize = 1 << 16;

/// Random numbers: `xorshift64*`, from the name of what is tried.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(name: &str) -> Self {
        let seed = name.bytes().fold(0x9E37_79B9_7F4A_7C15_u64, |seed, byte| {
            (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below a bound, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % bound
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// What means something to one of the decoders, or has meant trouble to others.
const TOKENS: [&str; 64] = [
    "",
    "\0",
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "ä",
    "é",
    "\"",
    "'",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ":",
    ": ",
    ",",
    "-",
    "- ",
    "--",
    "—",
    "+",
    "/",
    "//",
    "../",
    ".",
    "..",
    "=",
    "==",
    "A",
    "AAAA",
    "0",
    "00",
    "-1",
    "1.5",
    "1e999",
    "18446744073709551615",
    "18446744073709551616",
    "9007199254740993",
    "null",
    "true",
    "~",
    "&a ",
    "*a",
    "!!str ",
    "|\n",
    ">\n",
    "#",
    "? ",
    "---\n",
    "%",
    "namespaces=",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "dirhash1:",
];

/// An input of the pool with one change or more: two half as often as one, and so on to eight.
pub(super) fn mutate(random: &mut Random, pool: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(pool).clone();
    for _ in 0..8 {
        change(random, pool, &mut bytes);
        bytes.truncate(MAX_INPUT_BYTES);
        if random.below(2) == 0 {
            break;
        }
    }
    bytes
}

fn change(random: &mut Random, pool: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() + 1);
    let end = at + random.below(bytes.len() - at + 1).min(random.below(64) + 1);
    let end = end.min(bytes.len());
    match random.below(10) {
        // One bit, one byte, one digit.
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
        2 if at < bytes.len() => {
            let digit = bytes[at..].iter().position(u8::is_ascii_digit);
            if let Some(digit) = digit {
                bytes[at + digit] = b'0' + u8::try_from(random.below(10)).unwrap();
            }
        }
        // Something away, doubled, moved, repeated.
        3 => drop(bytes.drain(at..end)),
        4 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        5 => {
            let part: Vec<u8> = bytes.drain(at..end).collect();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, part);
        }
        6 => {
            let part = bytes[at..end].repeat(random.below(200));
            bytes.splice(at..end, part);
        }
        // A part of another input, and the rest cut off.
        7 => {
            let other = random.pick(pool);
            let from = random.below(other.len() + 1);
            let to = (from + random.below(400)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        8 if random.below(4) == 0 => bytes.truncate(at),
        // Something that means something.
        _ => {
            let token = random.pick(&TOKENS);
            let replaced = if random.below(2) == 0 {
                at..at
            } else {
                at..end
            };
            bytes.splice(replaced, token.bytes());
        }
    }
}
