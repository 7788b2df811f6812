//! The one form, and all others.

use proptest::prelude::*;

use super::*;

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new());
    for (path, bytes) in files {
        writer
            .add(path, as_u64(bytes.len()), &mut &**bytes)
            .unwrap();
    }
    writer.finish().unwrap()
}

fn files(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    let mut reader = ArchiveReader::new(bytes);
    let mut files = Vec::new();
    while let Some(member) = reader.next_member()? {
        let mut content = Vec::new();
        reader.read::<ArchiveError>(&mut |piece| {
            content.extend_from_slice(piece);
            Ok(())
        })?;
        files.push((member.path, content));
    }
    Ok(files)
}

fn reason(bytes: &[u8]) -> String {
    files(bytes).unwrap_err().to_string()
}

#[test]
fn what_is_written_is_read() {
    let large = vec![7; 600_000];
    let all: [(&str, &[u8]); 3] = [("a/b", b"one"), ("empty", b""), ("large", &large)];
    let expected = all.map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
    assert_eq!(files(&archive(&all)).unwrap(), expected);
    assert_eq!(files(&archive(&[])).unwrap(), []);
}

#[test]
fn a_header_of_a_file_beyond_eight_gibibytes_is_read_as_it_is_written() {
    for size in [LONG - 1, LONG, LONG + 1, 1 << 40] {
        let header = header_of("weights", size).unwrap();
        let mut reader = ArchiveReader::new(header.as_slice());
        let member = reader.next_member().unwrap().unwrap();
        assert_eq!((member.path.as_str(), member.size), ("weights", size));
    }
    assert!(header_of(&"p".repeat(101), 1).is_err());
}

#[test]
fn other_forms_of_tar_are_refused_with_the_reason() {
    let good = archive(&[("a", b"one"), ("b", b"two")]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        // The sum again, so that it is not what is noticed.
        let block: Vec<u8> = bytes[..BLOCK].to_vec();
        let plain = block.iter().enumerate().map(|(at, byte)| match at {
            148..156 => 32,
            _ => u32::from(*byte),
        });
        let sum = format!("{:06o}\0 ", plain.sum::<u32>());
        bytes[148..156].copy_from_slice(sum.as_bytes());
        bytes
    };
    assert!(files(&with(156, b'0')).is_ok());
    let special = "at byte 512: `a` is a link or another special file";
    for kind in *b"12346" {
        assert_eq!(reason(&with(156, kind)), special);
    }
    for kind in *b"5gKL" {
        assert_eq!(
            reason(&with(156, kind)),
            "at byte 512: a header is not one of a file"
        );
    }
    let plain =
        "at byte 512: the header of `a` is not one of a plain file without times and owners";
    for (at, byte) in [(100, b'1'), (115, b'7'), (147, b'1'), (265, b'r'), (500, 1)] {
        assert_eq!(reason(&with(at, byte)), plain, "{at}");
    }
    assert_eq!(
        reason(&[good.as_slice(), b"x"].concat()),
        format!("at byte {}: there are bytes behind its end", good.len())
    );
    for length in [0, 511, 514, 1024, good.len() - 1] {
        assert!(
            reason(&good[..length]).ends_with("it ends early"),
            "{length}"
        );
    }
    let mut padded = good;
    padded[516] = 1;
    assert_eq!(reason(&padded), "at byte 1024: there are bytes behind `a`");
}

proptest! {
    #[test]
    fn every_changed_byte_is_refused_or_read_as_another_file(at: prop::sample::Index, bit in 0_u8..8) {
        let mut bytes = archive(&[("a", b"one"), ("b", b"two")]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(found) = files(&bytes) {
            let found: Vec<_> = found.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
            prop_assert_eq!(archive(&found), bytes);
        }
    }
}
