//! What a converter promises.

mod converting;
mod ending;
mod fake;
mod probing;

use std::sync::Arc;

use reelmill_core::ports::{Converter, Objects};

use crate::suite::{Backend, Trials, cases, pair};

/// A converter, and a store that it can read and write.
pub struct Bench {
    /// The converter.
    pub converter: Arc<dyn Converter>,
    /// The store.
    pub objects: Arc<dyn Objects>,
}

cases! { CASES of Bench:
    probing::a_wav_is_probed,
    probing::what_is_not_media_is_refused,
    probing::an_empty_file_is_refused,
    probing::a_file_whose_codec_is_not_read_is_no_error,
    probing::what_cannot_be_read_cannot_be_planned,
    probing::a_setting_that_no_format_has_is_refused,
    probing::settings_that_contradict_each_other_are_refused,
    probing::what_it_reads_and_writes_is_listed,
    converting::every_format_is_written,
    converting::a_plan_says_what_the_conversion_does,
    converting::the_result_is_not_finished,
    converting::progress_rises_to_one,
    converting::a_part_is_cut_out,
    converting::opus_packets_that_fit_are_copied_bit_for_bit,
    converting::opus_packets_are_not_copied_where_a_rate_is_asked_for,
    converting::what_is_not_written_here_is_refused_by_the_plan,
    converting::conversions_run_side_by_side,
    converting::a_failed_conversion_harms_no_other,
    ending::a_store_that_fails_at_reading_is_told_as_it_is,
    ending::a_store_that_fails_at_probing_is_told_as_it_is,
    ending::a_store_that_fails_at_writing_is_told_as_it_is,
    ending::a_cancel_ends_a_conversion_under_way,
    ending::a_cancel_ends_a_conversion_whose_input_hangs,
    ending::a_cancel_ends_a_conversion_whose_output_hangs,
    ending::a_cancel_before_the_start_is_seen,
    ending::a_slow_store_holds_the_reading_back,
    ending::a_conversion_that_is_dropped_stops_reading,
}

/// The cases of these converters.
#[must_use]
pub fn trials(backends: Vec<Backend<Bench>>) -> Trials {
    pair("converter", CASES, &[], backends)
}
