//! The addresses that are not public, by IANA's special-purpose registries (RFC 6890 and its updates).
//!
//! IPv4 is public unless listed; IPv6 is public only within `2000::/3`, less what is listed. Addresses that carry an IPv4
//! address within are all refused: whoever can name a host by its own address has no need of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::allow::is_within;

/// IPv4 ranges with what they are.
const IPV4: [(Ipv4Addr, u8, &str); 17] = [
    (Ipv4Addr::UNSPECIFIED, 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a carrier"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "protocol assignments"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "6to4 relays"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    // Azure's metadata: a public address that only machines within Azure reach.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "metadata"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::BROADCAST, 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// IPv6 ranges with what they are; the first that fits counts.
const IPV6: [(Ipv6Addr, u8, &str); 21] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 128, "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1]), 128, "loopback"),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0]), 96, "an IPv4 address in IPv6"),
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0]), 96, "an IPv4 address in IPv6"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 96, "an IPv4 address in IPv6"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]), 96, "NAT64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, "NAT64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0]), 64, "discarded"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 32, "Teredo"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0]), 48, "benchmarks"),
    (v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0]), 28, "ORCHID"),
    (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0]), 28, "ORCHID"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, "protocol assignments"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, "documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16, "6to4"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0]), 16, "segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, "private"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, "private"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, "multicast"),
];

/// What is handed out to the world, RFC 4291, section 2.4.
const GLOBAL_UNICAST: (Ipv6Addr, u8) = (v6([0x2000, 0, 0, 0, 0, 0, 0, 0]), 3);

const fn v6(groups: [u16; 8]) -> Ipv6Addr {
    Ipv6Addr::from_segments(groups)
}

/// What the address is, unless it is public.
pub(super) fn class(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(_) => {
            IPV4.iter().find(|(first, prefix, _)| is_within(ip, (*first).into(), *prefix)).map(|row| row.2)
        }
        IpAddr::V6(own) => {
            let row = IPV6.iter().find(|(first, prefix, _)| is_within(ip, (*first).into(), *prefix));
            let is_isatap = matches!(own.segments()[4] & 0xfcff, 0) && own.segments()[5] == 0x5efe;
            let is_global = is_within(ip, GLOBAL_UNICAST.0.into(), GLOBAL_UNICAST.1);
            row.map(|row| row.2)
                .or_else(|| is_isatap.then_some("ISATAP"))
                .or_else(|| (!is_global).then_some("reserved"))
        }
    }
}

/// Whether it is link-local, or carries a link-local address within: cloud metadata lives there, so no list opens it.
pub(super) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || embedded(ip).into_iter().any(|inner| inner.is_link_local())
        }
    }
}

/// Where an IPv6 address may carry an IPv4 address. That it does is not checked, only its form is known.
fn embedded(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bits = ip.to_bits();
    let at = |shift: u32| Ipv4Addr::from_bits(u32::try_from(bits >> shift & 0xffff_ffff).unwrap_or_default());
    let within = |groups, prefix| is_within(ip.into(), v6(groups).into(), prefix);
    let mut found = Vec::new();
    // Compatible, mapped, translated, NAT64, ISATAP: the last 32 bits.
    let is_nat64 = within([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 32);
    if within([0; 8], 64) || is_nat64 || ip.segments()[5] == 0x5efe {
        found.push(at(0));
    }
    if is_nat64 {
        // RFC 6052, section 2.2, for a prefix of 48 bits: bits 48 to 63 and 72 to 87.
        let [.., d, e, f, _, _] = ip.segments();
        let [high, low] = d.to_be_bytes();
        found.push(Ipv4Addr::new(high, low, e.to_be_bytes()[1], f.to_be_bytes()[0]));
        // For one of 64 bits: bits 72 to 103.
        found.push(at(24));
    }
    if within([0x2002, 0, 0, 0, 0, 0, 0, 0], 16) {
        found.push(at(80));
    }
    if within([0x2001, 0, 0, 0, 0, 0, 0, 0], 32) {
        // RFC 4380, section 4: the server, and the client with its bits turned.
        found.extend([at(64), Ipv4Addr::from_bits(!at(0).to_bits())]);
    }
    found
}
