//! The listing of a container, which is XML: names and the marker of the next page, and nothing else of it.

use crate::adapter::azure_ml::layout;

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) names: Vec<String>,
    /// Where the next page begins; empty at the end.
    pub(super) marker: String,
}

/// Reads a page; `None` when it is something else.
pub(super) fn listing(body: &[u8]) -> Option<Listing> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.split_once("<EnumerationResults")?.1;
    // What would let an entity stand for something else.
    if body.windows(9).any(|part| part == b"<!DOCTYPE") {
        return None;
    }
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once("<Blob>") {
        let (blob, after) = begun.split_once("</Blob>")?;
        names.push(name(blob)?);
        rest = after;
    }
    let marker = match text.split_once("<NextMarker>") {
        Some((_, begun)) => without_entities(begun.split_once("</NextMarker>")?.0)?,
        None if text.contains("<NextMarker/>") || text.contains("<NextMarker />") => String::new(),
        None => return None,
    };
    Some(Listing { names, marker })
}

/// The name of a blob. One that XML cannot hold is written by the bytes of its characters.
fn name(blob: &str) -> Option<String> {
    if let Some((_, begun)) = blob.split_once("<Name>") {
        return without_entities(begun.split_once("</Name>")?.0);
    }
    let (_, begun) = blob.split_once("<Name Encoded=\"true\">")?;
    let encoded = begun.split_once("</Name>")?.0;
    layout::unescaped(encoded)
}

/// A text without the five entities of XML and without numbers of characters; `None` when it holds another.
fn without_entities(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, after) = after.split_once(';')?;
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let number = number.strip_prefix('#')?;
                let number = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(number)?
            }
        });
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_the_marker_are_read() {
        let page = "\u{feff}<?xml version=\"1.0\"?><EnumerationResults ServiceEndpoint=\"x\"><Prefix>a</Prefix><Blobs><Blob><Name>a/b &amp; c&#x1F642;</Name><Properties><Name>no</Name></Properties></Blob><Blob><Name Encoded=\"true\">a%2Fb%EF%BF%BE</Name></Blob></Blobs><NextMarker>m&lt;1</NextMarker></EnumerationResults>";
        let listing = listing(page.as_bytes()).unwrap();
        assert_eq!(listing.names, ["a/b & c🙂", "a/b\u{fffe}"]);
        assert_eq!(listing.marker, "m<1");
    }

    #[test]
    fn what_is_no_listing_is_refused() {
        for text in [
            "",
            "<html>",
            "<EnumerationResults><Blobs/></EnumerationResults>",
            "<EnumerationResults><Blob><Name>a</Name></EnumerationResults><NextMarker/>",
            "<EnumerationResults><Blob><Name>&evil;</Name></Blob></EnumerationResults><NextMarker/>",
            "<!DOCTYPE x><EnumerationResults></EnumerationResults><NextMarker/>",
        ] {
            assert_eq!(listing(text.as_bytes()), None, "{text}");
        }
    }
}
