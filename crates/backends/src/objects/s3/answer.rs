//! What S3 says in XML, as far as it is looked at.

use std::fmt::Write;

use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};

use crate::objects::remote::Fault;

/// A part of the list of unfinished uploads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unfinished {
    /// Names and upload ids.
    pub(super) uploads: Vec<(String, String)>,
    /// Where the next part begins, name and upload id, where there is one.
    pub(super) next: Option<(String, String)>,
}

/// The text of an element right below the root.
pub(super) fn field(xml: &str, name: &str) -> Option<String> {
    fields(xml, [name]).map(|[text]| text).filter(|text| !text.is_empty())
}

/// The root element's name.
pub(super) fn root(xml: &str) -> Option<String> {
    let mut document = Document::new(xml);
    let root = document.root_element().ok()?;
    Some(root.start_el().local().to_owned())
}

/// A page of the list of unfinished uploads.
pub(super) fn unfinished(xml: &str) -> Result<Unfinished, Fault> {
    let unread = || Fault::unusable("the list of unfinished uploads is not what S3 answers");
    let mut page = Unfinished::default();
    let mut document = Document::new(xml);
    let mut root = document.root_element().map_err(|_| unread())?;
    while let Some(mut tag) = root.next_tag() {
        if tag.start_el().local() == "Upload" {
            let [name, id] = texts(&mut tag, ["Key", "UploadId"]);
            page.uploads.push((name, id));
        }
    }
    let names = ["IsTruncated", "NextKeyMarker", "NextUploadIdMarker"];
    let [is_truncated, name, id] = fields(xml, names).ok_or_else(unread)?;
    page.next = (is_truncated == "true").then_some((name, id));
    Ok(page)
}

fn fields<const N: usize>(xml: &str, names: [&str; N]) -> Option<[String; N]> {
    let mut document = Document::new(xml);
    let mut root = document.root_element().ok()?;
    Some(texts(&mut root, names))
}

fn texts<const N: usize>(within: &mut ScopedDecoder<'_, '_>, names: [&str; N]) -> [String; N] {
    let mut found = [const { String::new() }; N];
    while let Some(mut tag) = within.next_tag() {
        let place = names.iter().position(|name| *name == tag.start_el().local());
        if let (Some(place), Ok(text)) = (place, try_data(&mut tag)) {
            found[place] = text.into_owned();
        }
    }
    found
}

/// A part that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) etag: String,
    /// Its SHA-256 in base64, where the store takes checksums.
    pub(super) sha256: Option<String>,
}

/// The request that makes an object of its parts.
pub(super) fn complete_request(parts: &[Part]) -> String {
    let mut xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
    for Part { number, etag, sha256 } in parts {
        let etag =
            etag.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let sum = sha256.iter().map(|sum| format!("<ChecksumSHA256>{sum}</ChecksumSHA256>"));
        let sum = sum.collect::<String>();
        let _ = write!(xml, "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{sum}</Part>");
    }
    xml + "</CompleteMultipartUpload>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_the_namespace() {
        let xml = r#"<?xml version="1.0"?><Error xmlns="urn:x"><Code>SlowDown</Code><Message>a &amp; b</Message></Error>"#;
        assert_eq!(field(xml, "Code").as_deref(), Some("SlowDown"));
        assert_eq!(field(xml, "Message").as_deref(), Some("a & b"));
        assert_eq!(field(xml, "Region"), None);
        assert_eq!(root(xml).as_deref(), Some("Error"));
        assert_eq!((field("no xml", "Code"), root("")), (None, None));
    }

    #[test]
    fn unfinished_uploads_are_read_page_by_page() {
        let xml = "<R><IsTruncated>true</IsTruncated><NextKeyMarker>b</NextKeyMarker>\
            <NextUploadIdMarker>2</NextUploadIdMarker>\
            <Upload><UploadId>1</UploadId><Initiator><ID>x</ID></Initiator><Key>a&lt;b</Key></Upload>\
            <Upload><Key>b</Key><UploadId>2</UploadId></Upload></R>";
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let expected =
            Unfinished { uploads: vec![pair("a<b", "1"), pair("b", "2")], next: Some(pair("b", "2")) };
        assert_eq!(unfinished(xml).ok(), Some(expected));
        assert_eq!(unfinished("<R/>").ok(), Some(Unfinished::default()));
        assert!(unfinished("<html>").is_err() || unfinished("").is_err());
    }

    #[test]
    fn parts_are_named_in_order() {
        let part = |number, etag: &str, sum: Option<&str>| Part {
            number,
            etag: etag.to_owned(),
            sha256: sum.map(str::to_owned),
        };
        let xml = complete_request(&[part(1, "\"a\"", None), part(2, "b&<", Some("c="))]);
        assert!(xml.ends_with(
            "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>\
             <Part><PartNumber>2</PartNumber><ETag>b&amp;&lt;</ETag>\
             <ChecksumSHA256>c=</ChecksumSHA256></Part></CompleteMultipartUpload>"
        ));
    }
}
