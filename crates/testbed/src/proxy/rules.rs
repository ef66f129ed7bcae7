//! The faults that are in force, for all connections alike.

use std::time::Duration;

use super::connection::End;

/// What happens to what passes; by default nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    /// How much later a byte arrives at the target.
    pub(super) delay_up: Duration,
    /// How much later a byte arrives at the client.
    pub(super) delay_down: Duration,
    /// The most that passes in one direction of one connection.
    pub(super) bytes_per_second: Option<u64>,
    /// Nothing passes.
    pub(super) is_stalled: bool,
    /// After how many bytes a connection ends, and how.
    pub(super) cut_after: Option<(u64, End)>,
}

/// A direction through the proxy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// To the target.
    Up,
    /// To the client.
    Down,
}

impl Rules {
    /// How much later a byte arrives that goes this way.
    pub(super) fn delay(&self, way: Way) -> Duration {
        match way {
            Way::Up => self.delay_up,
            Way::Down => self.delay_down,
        }
    }
}
