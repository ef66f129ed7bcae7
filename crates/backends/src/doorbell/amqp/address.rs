//! Where the broker is and what its queues are called, from the URL.
//!
//! `amqp://user:password@host:port/vhost?video=…&mp3=…&type=classic|quorum&heartbeat=…`; what the URL does not say is
//! what RabbitMQ's own tools take it for. Nothing that is printed or logged holds the password.

use std::fmt;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use percent_encoding::percent_decode_str;
use reelmill_core::ports::Channel;
use url::Url;

/// Seconds between heartbeats: a connection on which nothing came for two of them is dead.
const HEARTBEAT_SECONDS: u16 = 10;
/// Messages are small; the client takes 64 frames of memory for each connection.
const FRAME_MAX_BYTES: u32 = 16 * 1024;
/// A queue's name holds 255 bytes, and its dead letters' queue adds some.
const MAX_QUEUE_BYTES: usize = 200;

/// A broker and the queues on it.
pub(super) struct Address {
    pub(super) uri: AMQPUri,
    pub(super) is_encrypted: bool,
    /// Uploads that wait to be converted.
    video: String,
    /// Results that are stored.
    mp3: String,
    /// Whether a queue that is missing is made a quorum queue.
    pub(super) is_quorum: bool,
}

/// Without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uri.authority.host, self.uri.authority.port)
    }
}

impl Address {
    /// Reads what follows the scheme's colon.
    pub(super) fn parse(rest: &str, is_encrypted: bool) -> Result<Self, String> {
        // The scheme of a plain socket, so that no default port of another comes in.
        let url = Url::parse(&format!("amqp:{rest}")).map_err(|error| error.to_string())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
        let userinfo = AMQPUserInfo {
            username: decoded(if url.username().is_empty() { "guest" } else { url.username() })?,
            password: decoded(url.password().unwrap_or("guest"))?,
        };
        let authority = AMQPAuthority {
            userinfo,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(if is_encrypted { 5671 } else { 5672 }),
        };
        let vhost = match url.path().trim_start_matches('/') {
            "" => "/".to_owned(),
            vhost => decoded(vhost)?,
        };
        let query = AMQPQueryString {
            heartbeat: Some(HEARTBEAT_SECONDS),
            frame_max: Some(FRAME_MAX_BYTES),
            ..AMQPQueryString::default()
        };
        let uri = AMQPUri { scheme: AMQPScheme::AMQP, authority, vhost, query };
        let mut address =
            Self { uri, is_encrypted, video: "video".into(), mp3: "mp3".into(), is_quorum: false };
        for (setting, value) in url.query_pairs() {
            address.set(&setting, &value)?;
        }
        if address.video == address.mp3 {
            return Err(format!("`{}` cannot be both queues", address.video));
        }
        Ok(address)
    }

    fn set(&mut self, setting: &str, value: &str) -> Result<(), String> {
        match (setting, value) {
            ("video", name) => self.video = queue(name)?,
            ("mp3", name) => self.mp3 = queue(name)?,
            ("type", "classic") => self.is_quorum = false,
            ("type", "quorum") => self.is_quorum = true,
            ("type", other) => return Err(format!("a queue's type is classic or quorum, not `{other}`")),
            ("heartbeat", seconds) => {
                let seconds = seconds.parse().ok().filter(|seconds| (1..=60).contains(seconds));
                self.uri.query.heartbeat = Some(seconds.ok_or("heartbeat is 1 to 60 seconds")?);
            }
            (other, _) => return Err(format!("there is no setting `{other}`")),
        }
        Ok(())
    }

    /// The queue of a channel.
    pub(super) fn queue(&self, channel: Channel) -> &str {
        match channel {
            Channel::Work => &self.video,
            Channel::Results => &self.mp3,
        }
    }
}

/// Where what cannot be understood on a queue is set aside.
pub(super) fn dead(queue: &str) -> String {
    format!("{queue}.dead")
}

fn queue(name: &str) -> Result<String, String> {
    // The broker keeps `amq.` for itself.
    let is_sound = !name.is_empty() && name.len() <= MAX_QUEUE_BYTES && !name.starts_with("amq.");
    if is_sound { Ok(name.to_owned()) } else { Err(format!("`{name}` cannot be a queue's name")) }
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| "it is not UTF-8")?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rest: &str) -> Address {
        Address::parse(rest, false).unwrap_or_else(|error| panic!("{rest}: {error}"))
    }

    fn refusal(rest: &str) -> String {
        Address::parse(rest, false).err().unwrap_or_default()
    }

    #[test]
    fn a_host_alone_is_enough() {
        let address = parsed("//broker");
        let AMQPAuthority { userinfo, host, port } = &address.uri.authority;
        assert_eq!((userinfo.username.as_str(), userinfo.password.as_str()), ("guest", "guest"));
        assert_eq!((host.as_str(), *port, address.uri.vhost.as_str()), ("broker", 5672, "/"));
        assert_eq!((address.queue(Channel::Work), address.queue(Channel::Results)), ("video", "mp3"));
        assert!(!address.is_quorum);
    }

    #[test]
    fn everything_can_be_said() {
        let address = parsed("//ann:p%40ss@[::1]:5000/a%2Fb?video=in&mp3=out&type=quorum&heartbeat=2");
        let AMQPAuthority { userinfo, host, port } = &address.uri.authority;
        assert_eq!((userinfo.username.as_str(), userinfo.password.as_str()), ("ann", "p@ss"));
        assert_eq!((host.as_str(), *port, address.uri.vhost.as_str()), ("::1", 5000, "a/b"));
        assert_eq!((address.queue(Channel::Work), address.queue(Channel::Results)), ("in", "out"));
        assert_eq!((address.is_quorum, address.uri.query.heartbeat), (true, Some(2)));
    }

    #[test]
    fn an_encrypted_broker_has_another_port() {
        assert_eq!(
            Address::parse("//broker", true).ok().map(|address| address.uri.authority.port),
            Some(5671)
        );
    }

    #[test]
    fn the_default_virtual_host_may_be_written_in_each_way() {
        for rest in ["//broker", "//broker/", "//broker/%2f", "//broker/%2F"] {
            assert_eq!(parsed(rest).uri.vhost, "/", "{rest}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(parsed("//ann:secret@broker/vhost").to_string(), "broker:5672");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(refusal("///vhost"), "it names no host");
        assert_eq!(refusal("//b?queue=x"), "there is no setting `queue`");
        assert_eq!(refusal("//b?type=stream"), "a queue's type is classic or quorum, not `stream`");
        assert_eq!(refusal("//b?video=amq.x"), "`amq.x` cannot be a queue's name");
        assert_eq!(refusal("//b?video="), "`` cannot be a queue's name");
        assert_eq!(refusal("//b?video=x&mp3=x"), "`x` cannot be both queues");
        assert_eq!(refusal("//b?heartbeat=0"), "heartbeat is 1 to 60 seconds");
    }
}
