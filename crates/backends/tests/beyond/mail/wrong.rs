//! Servers and URLs that are wrong: what is said then helps, holds no password, and costs no letter, since only the operator
//! can mend it.

use reelmill_backends::notifier;

use super::office::{FROM, Office, note, open, somebody};

/// What is said where a server cannot be used; a letter waits then.
async fn trouble(url: &str) -> String {
    let notifier = open(url).await;
    let error = notifier.notify(&note(&somebody("ann"), "s", "b")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let checked = notifier.check().await.map_err(|error| error.to_string());
    assert_eq!(checked, Err(error.to_string()));
    error.to_string()
}

pub(crate) async fn a_wrong_password_is_said_and_not_shown_and_costs_no_letter() {
    let said = trouble(&Office::shared().url().replace("flour%26water", "opensesame")).await;
    assert!(
        said.contains("refuses the user `mill` or its password") && !said.contains("opensesame"),
        "{said}"
    );
}

pub(crate) async fn a_server_that_wants_a_login_costs_no_letter() {
    let url = Office::shared().url().replace("mill:flour%26water@", "");
    let error = open(&url).await.notify(&note(&somebody("ann"), "s", "b")).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("530"), "{error}");
}

pub(crate) async fn a_server_without_starttls_is_told_nothing() {
    let office = Office::shared();
    let said = trouble(&format!("smtp://localhost:{}/?{FROM}", office.port("plain"))).await;
    assert!(said.contains("does not offer STARTTLS, which is required"), "{said}");
    let ann = somebody("ann");
    let unencrypted = open(&format!("smtp://localhost:{}/?{FROM}&tls=none", office.port("plain"))).await;
    unencrypted.notify(&note(&ann, "s", "b")).await.unwrap();
    assert_eq!(office.letters(&ann)[0]["port"], "plain");
}

pub(crate) async fn a_certificate_that_nobody_speaks_for_is_refused() {
    let office = Office::shared();
    let url = office.url().replace(&format!("&ca={}", office.ca()), "");
    let said = trouble(&url).await;
    assert!(said.contains("certificate"), "{said}");
    // Somebody speaks for it, but not by this name.
    let said = trouble(&office.url().replace("localhost", "127.0.0.2")).await;
    assert!(said.contains("127.0.0.2"), "{said}");
}

pub(crate) async fn a_server_that_is_not_there_is_named() {
    // Somebody listened there a moment ago, so nobody else does now.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let said = trouble(&format!("smtp://ann:opensesame@{nobody}/?{FROM}")).await;
    assert!(said.contains(&format!("mail server {nobody}: ")) && !said.contains("opensesame"), "{said}");
}

pub(crate) async fn a_url_that_lacks_something_is_refused() {
    for (url, wanted) in [
        (
            "smtp://ann:opensesame@mail.example",
            "not a URL for `smtp:`, it does not say `from`, the address that letters come from",
        ),
        ("smtps:?from=a@b.example", "not a URL for `smtps:`, it names no host"),
        (
            "smtp://mail.example?from=a@b.example&ca=/nowhere.pem",
            "not a URL for `smtp:`, cannot read `/nowhere.pem`: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(notifier::open(url).await.err().unwrap().to_string(), wanted);
    }
}
