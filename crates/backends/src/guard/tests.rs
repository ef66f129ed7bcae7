//! What passes the guard and what does not, form by form.

use super::*;

/// Hosts as they are typed, in every form that a browser would read as an address within.
const REFUSED: [(&str, &str); 76] = [
    ("127.0.0.1", "loopback"),
    ("127.0.0.2", "loopback"),
    ("127.255.255.254", "loopback"),
    ("127.1", "loopback"),
    ("127.0.1", "loopback"),
    ("2130706433", "loopback"),
    ("017700000001", "loopback"),
    ("0x7f000001", "loopback"),
    ("0x7f.0.0.1", "loopback"),
    ("0177.0.0.1", "loopback"),
    ("0177.0.0.01", "loopback"),
    ("0x7F.0x0.0x0.0x1", "loopback"),
    ("127.0.0.1.", "loopback"),
    ("１２７.０.０.１", "loopback"),
    ("127。0。0。1", "loopback"),
    ("%31%32%37.0.0.1", "loopback"),
    ("0.0.0.0", "unspecified"),
    ("0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("167772161", "private"),
    ("012.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.0.1", "private"),
    ("192.168.257", "private"),
    ("0xc0a80001", "private"),
    ("100.64.0.1", "shared by a carrier"),
    ("100.127.255.255", "shared by a carrier"),
    ("100.100.100.200", "shared by a carrier"),
    ("169.254.169.254", "link-local"),
    ("169.254.0.1", "link-local"),
    ("2852039166", "link-local"),
    ("0xa9fea9fe", "link-local"),
    ("0251.0376.0251.0376", "link-local"),
    ("169.254.43518", "link-local"),
    ("168.63.129.16", "metadata"),
    ("192.0.0.192", "protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.9", "documentation"),
    ("192.88.99.1", "6to4 relays"),
    ("198.18.0.1", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("4294967295", "broadcast"),
    ("[::]", "unspecified"),
    ("[::1]", "loopback"),
    ("[0:0:0:0:0:0:0:1]", "loopback"),
    ("[::ffff:127.0.0.1]", "an IPv4 address in IPv6"),
    ("[::ffff:7f00:1]", "an IPv4 address in IPv6"),
    ("[::ffff:169.254.169.254]", "an IPv4 address in IPv6"),
    ("[::ffff:8.8.8.8]", "an IPv4 address in IPv6"),
    ("[::127.0.0.1]", "an IPv4 address in IPv6"),
    ("[::ffff:0:127.0.0.1]", "an IPv4 address in IPv6"),
    ("[64:ff9b::127.0.0.1]", "NAT64"),
    ("[64:ff9b::a9fe:a9fe]", "NAT64"),
    ("[64:ff9b:1::10.0.0.1]", "NAT64"),
    ("[2002:7f00:1::]", "6to4"),
    ("[2002:a9fe:a9fe::1]", "6to4"),
    ("[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "Teredo"),
    ("[2001:2::1]", "benchmarks"),
    ("[2001:10::1]", "ORCHID"),
    ("[2001:20::1]", "ORCHID"),
    ("[2001:db8::1]", "documentation"),
    ("[3fff::1]", "documentation"),
    ("[100::1]", "discarded"),
    ("[fc00::1]", "private"),
    ("[fd00:ec2::254]", "private"),
    ("[fe80::1]", "link-local"),
    ("[fec0::1]", "private"),
    ("[ff02::1]", "multicast"),
];

const PASSED: [&str; 12] = [
    "8.8.8.8",
    "1.1.1.1",
    "134744072",
    "0x08080808",
    "010.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "169.253.255.255",
    "198.20.0.1",
    "[2606:4700:4700::1111]",
    "[2a00:1450:4001:80b::200e]",
    "[2001:4860:4860::8888]",
];

fn url(host: &str) -> Url {
    Url::parse(&format!("http://{host}/a.mp3")).unwrap()
}

#[test]
fn no_form_of_an_address_within_passes() {
    let guard = Guard::default();
    for (host, class) in REFUSED {
        let Err(Barrier::Refused(said)) = guard.check_literal(&url(host)) else { panic!("{host} passes") };
        assert!(said.contains(&format!("({class})")), "{host}: {said}");
    }
}

#[test]
fn public_addresses_pass() {
    for host in PASSED {
        assert_eq!(Guard::default().check_literal(&url(host)), Ok(()), "{host}");
    }
}

#[test]
fn reserved_and_isatap_addresses_do_not_pass() {
    for host in ["[4000::1]", "[5f00::1]", "[2a00::5efe:127.0.0.1]", "[2a00::200:5efe:a9fe:a9fe]"] {
        assert!(Guard::default().check_literal(&url(host)).is_err(), "{host}");
    }
}

#[test]
fn link_local_addresses_pass_no_list_in_no_form() {
    let everything = ["0.0.0.0/0", "::/0", "metadata.internal"].map(str::to_owned);
    let guard = Guard::new(&everything).unwrap();
    for host in [
        "169.254.169.254",
        "2852039166",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[::169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1:a9fe:a9:fe00::]",
        "[2002:a9fe:a9fe::]",
        "[2001:0:1::5601:5601]",
        "[2a00::5efe:169.254.169.254]",
    ] {
        assert!(guard.check_literal(&url(host)).is_err(), "{host}");
    }
    assert_eq!(guard.check_literal(&url("127.0.0.1")), Ok(()), "the list works otherwise");
    let by_name = guard.check([169, 254, 169, 254].into(), Some("metadata.internal"), 80);
    assert!(by_name.is_err());
}

#[tokio::test]
async fn a_name_is_as_good_as_its_worst_address() {
    let found = Guard::default().addresses(&Host::Domain("localhost"), 80).await;
    let Err(Barrier::Refused(said)) = found else { panic!("{found:?}") };
    assert!(said.starts_with("`localhost`") && !said.contains("127"), "{said}");
    let guard = Guard::new(&["localhost".to_owned()]).unwrap();
    assert!(guard.addresses(&Host::Domain("localhost"), 80).await.is_ok());
    let guard = Guard::new(&["localhost:81".to_owned()]).unwrap();
    assert!(guard.addresses(&Host::Domain("localhost"), 80).await.is_err());
}

#[tokio::test]
async fn a_name_without_an_address_is_unresolved_and_not_refused() {
    let found = Guard::default().addresses(&Host::Domain("nobody.invalid"), 80).await;
    assert!(matches!(found, Err(Barrier::Unresolved(_))), "{found:?}");
}
