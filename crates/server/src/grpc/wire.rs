//! The messages and services of the protos in `crates/server/proto`, as the build makes them, and what they say of
//! themselves.

use prost::Message as _;
use prost_types::FileDescriptorSet;

macro_rules! packages {
    ($($(#[$doc:meta])* $name:ident)*) => {
        $(
            $(#[$doc])*
            #[expect(unreachable_pub, clippy::pedantic, reason = "made by the build from the protos")]
            pub(crate) mod $name {
                include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
            }
        )*
    };
}

packages! {
    /// Whether the server is there.
    healthcheck
    /// Pictures.
    s3image
    /// Videos.
    s3video
    /// Accounts.
    user
}

/// All files of ours, as protobuf describes files.
pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The methods of the service of that full name, among the files that `descriptors` describes.
pub(crate) fn methods(descriptors: &[u8], service: &str) -> Vec<String> {
    let files = FileDescriptorSet::decode(descriptors).unwrap_or_default().file;
    let found = files.iter().find_map(|file| {
        let name = service.strip_prefix(file.package())?.strip_prefix('.')?;
        file.service.iter().find(|service| service.name() == name)
    });
    found.into_iter().flat_map(|service| &service.method).map(|method| method.name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Every service, message and enumeration with what is on the wire of it.
    fn described() -> String {
        let mut text = String::new();
        for file in FileDescriptorSet::decode(DESCRIPTORS).unwrap().file {
            writeln!(text, "package {}", file.package()).unwrap();
            for service in &file.service {
                writeln!(text, "  service {}", service.name()).unwrap();
                for method in &service.method {
                    let stream = |is_stream| if is_stream { "stream " } else { "" };
                    let (takes, gives) =
                        (stream(method.client_streaming()), stream(method.server_streaming()));
                    let (input, output) = (method.input_type(), method.output_type());
                    writeln!(text, "    {}({takes}{input}) -> {gives}{output}", method.name()).unwrap();
                }
            }
            for message in &file.message_type {
                writeln!(text, "  message {}", message.name()).unwrap();
                for field in &message.field {
                    let (kind, label) = (field.r#type().as_str_name(), field.label().as_str_name());
                    writeln!(text, "    {} {} = {} {label}", kind, field.name(), field.number()).unwrap();
                }
                for value in message.enum_type.iter().flat_map(|kind| &kind.value) {
                    writeln!(text, "    {} = {}", value.name(), value.number()).unwrap();
                }
            }
        }
        text
    }

    #[test]
    fn what_is_on_the_wire_stays_as_it_is() {
        insta::assert_snapshot!(described());
    }
}
