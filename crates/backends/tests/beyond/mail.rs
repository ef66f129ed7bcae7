//! E-mail by a real mail server: what arrives, what is put off, what is refused, and servers that are not to be trusted.
//!
//! `REELMILL_TEST_MAIL` names one by aiosmtpd; what kills one starts it for itself (`cargo xtask setup` brings it). Without
//! them the cases are shown as ignored, or fail where `REELMILL_TEST_ALL=1`.

mod letters;
mod office;
mod wrong;

use reelmill_conformance::{Sentence, Trials, sentences, topic, unset};
use reelmill_testbed::{Tools, servers};

const WITH_A_SERVER: &[Sentence] = sentences! {
    letters::a_letter_arrives_by_starttls_in_both_forms
    letters::a_letter_arrives_by_tls_from_the_first_byte
    letters::letters_that_follow_each_other_go_by_one_connection
    letters::a_letter_that_is_put_off_is_taken_later_with_the_same_id
    letters::a_letter_that_is_refused_is_refused_for_good_and_spoils_no_other
    letters::what_a_file_is_called_adds_neither_header_nor_recipient
    wrong::a_wrong_password_is_said_and_not_shown_and_costs_no_letter
    wrong::a_server_that_wants_a_login_costs_no_letter
    wrong::a_server_without_starttls_is_told_nothing
    wrong::a_certificate_that_nobody_speaks_for_is_refused
    wrong::a_server_that_is_not_there_is_named
    wrong::a_url_that_lacks_something_is_refused
};
const WITH_ONE_TO_KILL: &[Sentence] = sentences! {
    letters::a_server_that_comes_back_takes_the_next_letter
};

pub(crate) fn trials() -> [Trials; 2] {
    let missing = unset(&["REELMILL_TEST_MAIL"], "no mail server here");
    let none_to_kill = servers::MAIL.missing(&Tools::from_environment()).map(|missing| missing.to_string());
    [
        topic("beyond", "mail", WITH_A_SERVER.iter().copied(), missing.as_deref()),
        topic("beyond", "killed-mail", WITH_ONE_TO_KILL.iter().copied(), none_to_kill.as_deref()),
    ]
}
