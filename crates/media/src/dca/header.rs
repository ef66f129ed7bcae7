//! The JSON in front of the packets of version 1.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::opus;

/// The header. Other writers add fields and leave some out, so reading asks for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// The packets.
    pub opus: OpusPart,
    /// What they were made of.
    pub origin: OriginPart,
    /// What wrote them. Discord's Go clients pass over it, but songbird (0.6) refuses a header without it.
    pub dca: DcaPart,
}

/// What wrote a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DcaPart {
    /// Of the format: 1.
    pub version: u8,
    /// The program.
    pub tool: ToolPart,
}

/// A program that writes DCA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ToolPart {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What the packets are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpusPart {
    /// Mean bit rate, in bits per second.
    pub abr: u32,
    /// Always 48,000.
    pub sample_rate: u32,
    /// `audio`, `voip` or `lowdelay`.
    pub mode: String,
    /// Samples of a packet, all channels together.
    pub frame_size: u32,
    /// 1 or 2.
    pub channels: u8,
    /// Whether packets differ in size.
    pub vbr: bool,
}

/// What the packets were made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OriginPart {
    /// `file`, or a service's name.
    pub source: String,
    /// Mean bit rate, in bits per second.
    pub abr: u32,
    /// Channels.
    pub channels: u8,
    /// The codec's name.
    pub encoding: String,
    /// Where it was found.
    pub url: String,
}

impl Header {
    /// Reads any writer's header: what is null in it counts as left out.
    pub(crate) fn parse(json: &[u8]) -> serde_json::Result<Self> {
        let mut value: Value = serde_json::from_slice(json)?;
        let Some(parts) = value.as_object_mut() else {
            return Err(serde::de::Error::custom("it is no object"));
        };
        parts.retain(|_, part| !part.is_null());
        for fields in parts.values_mut().filter_map(Value::as_object_mut) {
            fields.retain(|_, field| !field.is_null());
        }
        serde_json::from_value(value)
    }

    /// For packets of `packet_frames` each, at a mean of `bit_rate_bps`.
    pub(crate) fn new(bit_rate_bps: u32, channels: u8, packet_frames: u32) -> Self {
        Self {
            opus: OpusPart {
                abr: bit_rate_bps,
                sample_rate: opus::RATE_HZ,
                mode: "audio".into(),
                frame_size: packet_frames * u32::from(channels),
                channels,
                vbr: true,
            },
            origin: OriginPart {
                source: "file".into(),
                abr: bit_rate_bps,
                channels,
                encoding: "Opus".into(),
                url: String::new(),
            },
            dca: DcaPart {
                version: 1,
                tool: ToolPart { name: "reelmill".into(), version: env!("CARGO_PKG_VERSION").into() },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_its_fields_in_the_order_that_clients_know() {
        assert_eq!(
            serde_json::to_string(&Header::new(64_000, 2, 960)).unwrap(),
            concat!(
                r#"{"opus":{"abr":64000,"sample_rate":48000,"mode":"audio","frame_size":1920,"channels":2,"vbr":true},"#,
                r#""origin":{"source":"file","abr":64000,"channels":2,"encoding":"Opus","url":""},"#,
                r#""dca":{"version":1,"tool":{"name":"reelmill","version":""#,
                env!("CARGO_PKG_VERSION"),
                r#""}}}"#
            )
        );
        assert_eq!(Header::new(64_000, 1, 960).opus.frame_size, 960);
    }

    #[test]
    fn other_writers_headers_are_read() {
        let other =
            r#"{"dca":{"version":1},"info":{"title":"x"},"opus":{"channels":1,"abr":null},"origin":null}"#;
        let header = Header::parse(other.as_bytes()).unwrap();
        assert_eq!((header.opus.channels, header.opus.abr, header.origin.url.as_str()), (1, 0, ""));
    }
}
