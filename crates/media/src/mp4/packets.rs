//! A demuxer of one track by its tables: nothing is read but its packets, and what lies between them where that costs
//! less than a jump.

use std::sync::Arc;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::{Error, Result, SeekErrorKind, decode_error, limit_error, seek_error};
use symphonia::core::formats::{FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::Metadata;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::fragment::{self, Defaults, Fragment};
use super::table::{Cursor, Place, Table};
use super::{Mp4, Mp4Track};
use crate::codec::Codec;
use crate::error::MediaError;
use crate::reading::joined;
use crate::tap::Tap;

/// A larger packet is not audio.
const MAX_PACKET_BYTES: u64 = 16 * 1024 * 1024;
/// Frames of PCM, of which each is a sample of its own, that become a packet.
const PCM_FRAMES: u32 = 1024;
/// Packets that are read before anything is read ahead: as many as are looked at while an input is opened.
const OPENING_PACKETS: u64 = 32;

/// The packets of one track.
pub(crate) struct PacketReader {
    head: Box<dyn FormatReader>,
    tracks: Vec<Track>,
    track_id: u32,
    tap: Tap,
    size_bytes: u64,
    table: Arc<Table>,
    cursor: Cursor,
    group: u32,
    given: u64,
    fragments: Option<Fragments>,
}

/// The fragments, one after the other.
struct Fragments {
    next_box: u64,
    defaults: Vec<(u32, Defaults)>,
    fragment: Fragment,
    next_piece: usize,
    pts: u64,
    is_far: bool,
    /// Bytes that all fragments so far claim for packets; one that has none counts as one.
    claimed: u64,
}

/// Makes a demuxer of the track `id`, whose description `head` has; gives the tap back where a table is missing.
pub(crate) fn demuxer(
    mut tap: Tap,
    mp4: &Mp4,
    head: Box<dyn FormatReader>,
    id: u32,
    codec: &Codec,
    size_bytes: u64,
) -> std::result::Result<std::result::Result<Box<dyn FormatReader>, Tap>, MediaError> {
    let Some(track) = mp4.track(id) else { return Ok(Err(tap)) };
    let frame_bytes = if *codec == Codec::Pcm { frame_bytes(head.as_ref(), id) } else { None };
    let Some(table) = Table::read(&mut tap, &track.tables, frame_bytes, size_bytes)? else {
        return Ok(Err(tap));
    };
    let ticks = if mp4.is_fragmented { fragmented_ticks(mp4, track) } else { table.ticks() };
    let tracks = head.tracks().iter().map(|known| with_length(known, id, track.timescale, ticks)).collect();
    let is_far = tap.is_far();
    let fragments = mp4.is_fragmented.then(|| Fragments {
        next_box: mp4.first_fragment.unwrap_or(size_bytes),
        defaults: mp4.defaults.clone(),
        fragment: Fragment::default(),
        next_piece: 0,
        pts: table.ticks(),
        is_far,
        claimed: 0,
    });
    Ok(Ok(Box::new(PacketReader {
        head,
        tracks,
        track_id: id,
        tap,
        size_bytes,
        table: Arc::new(table),
        cursor: Cursor::default(),
        group: if frame_bytes.is_some() { PCM_FRAMES } else { 1 },
        given: 0,
        fragments,
    })))
}

/// What a frame of PCM takes.
fn frame_bytes(head: &dyn FormatReader, id: u32) -> Option<u32> {
    let track = head.tracks().iter().find(|track| track.id == id)?;
    let Some(CodecParameters::Audio(params)) = &track.codec_params else { return None };
    let channels = u32::try_from(params.channels.as_ref()?.count()).ok()?;
    let bits = params.bits_per_coded_sample.or(params.bits_per_sample)?;
    Some(bits.div_ceil(8).checked_mul(channels)?).filter(|bytes| (1..=64).contains(bytes))
}

/// What is said about the length of a fragmented track: by its index, or else by its header.
fn fragmented_ticks(mp4: &Mp4, track: &Mp4Track) -> u64 {
    let indexed = mp4.indexed.iter().find(|(id, ..)| *id == track.id);
    indexed.map_or(track.duration, |(_, ticks, timescale)| {
        let scaled = u128::from(*ticks) * u128::from(track.timescale) / u128::from((*timescale).max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    })
}

/// The head has no tables, so it knows no lengths.
fn with_length(known: &Track, id: u32, timescale: u32, ticks: u64) -> Track {
    let mut track = known.clone();
    if track.id == id {
        track.duration = Some(Duration::new(ticks));
        let rate_hz = match &track.codec_params {
            Some(CodecParameters::Audio(params)) => params.sample_rate,
            _ => None,
        };
        track.num_frames = (rate_hz == Some(timescale)).then_some(ticks);
    }
    track
}

impl PacketReader {
    fn next_place(&mut self) -> Result<Option<Place>> {
        if self.given == OPENING_PACKETS {
            self.tap.follow(joined(Arc::clone(&self.table).extents(self.cursor.clone())));
        }
        if let Some(place) = self.table.next(&mut self.cursor, self.group) {
            return Ok(Some(place));
        }
        match &mut self.fragments {
            Some(fragments) => {
                if self.given >= OPENING_PACKETS {
                    fragments.read_ahead(&mut self.tap);
                }
                fragments.next(&mut self.tap, self.size_bytes, self.track_id)
            }
            None => Ok(None),
        }
    }

    fn read(&mut self, place: Place) -> Result<Packet> {
        if place.bytes > MAX_PACKET_BYTES {
            return limit_error("a packet of more than 16 MiB");
        }
        let is_there = place.offset.checked_add(place.bytes).is_some_and(|end| end <= self.size_bytes);
        let length = usize::try_from(place.bytes).unwrap_or(0);
        let mut data = vec![0; if is_there { length } else { 0 }];
        if !is_there || self.tap.read_at(place.offset, &mut data)? < length {
            return Err(Error::IoError(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let pts = i64::try_from(place.pts).map_or(Timestamp::MAX, Timestamp::new);
        Ok(Packet::new(self.track_id, pts, Duration::new(place.ticks), data))
    }
}

impl Fragments {
    /// Where the packets are is known only once their fragment is reached, so from afar all is read.
    fn read_ahead(&mut self, tap: &mut Tap) {
        if self.is_far && !tap.is_ahead() {
            let piece = self.fragment.pieces.get(self.next_piece);
            tap.read_straight_from(piece.map_or(self.next_box, |piece| piece.offset.min(self.next_box)));
        }
    }

    fn next(&mut self, tap: &mut Tap, size_bytes: u64, id: u32) -> Result<Option<Place>> {
        while self.next_piece >= self.fragment.pieces.len() {
            let Some(header) = fragment::next_box(tap, self.next_box, size_bytes)? else { return Ok(None) };
            if header.end > size_bytes {
                return Err(Error::IoError(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.next_box = header.end;
            if &header.kind == b"moof" {
                let fragment = fragment::read(tap, &header, id, &self.defaults)?;
                // The header of the media stands before its packets, and reading goes forwards.
                let media = fragment::next_box(tap, header.end, size_bytes)?;
                if let Some(media) = media.filter(|next| &next.kind == b"mdat" && next.end <= size_bytes) {
                    self.next_box = media.end;
                }
                self.enter(fragment, tap, size_bytes)?;
            }
        }
        let piece = self.fragment.pieces[self.next_piece];
        self.next_piece += 1;
        let (pts, ticks) = (self.pts, u64::from(piece.ticks));
        self.pts = self.pts.saturating_add(ticks);
        Ok(Some(Place { offset: piece.offset, bytes: u64::from(piece.bytes), pts, ticks }))
    }

    fn enter(&mut self, fragment: Fragment, tap: &mut Tap, size_bytes: u64) -> Result<()> {
        if fragment.is_beyond {
            return limit_error("a fragment of more than 500000 packets");
        }
        let claimed: u64 = fragment.pieces.iter().map(|piece| u64::from(piece.bytes).max(1)).sum();
        self.claimed = self.claimed.saturating_add(claimed);
        if self.claimed > size_bytes {
            return decode_error("its fragments claim more bytes than there are");
        }
        self.pts = fragment.start.unwrap_or(self.pts);
        if !self.is_far {
            let ends =
                |piece: &fragment::Piece| piece.offset..piece.offset.saturating_add(u64::from(piece.bytes));
            tap.follow(joined(fragment.pieces.iter().map(ends).collect::<Vec<_>>().into_iter()));
        }
        self.fragment = fragment;
        self.next_piece = 0;
        Ok(())
    }
}

impl FormatReader for PacketReader {
    fn format_info(&self) -> &FormatInfo {
        self.head.format_info()
    }

    fn media_info(&self) -> &MediaInfo {
        self.head.media_info()
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.head.metadata()
    }

    fn seek(&mut self, _: SeekMode, _: SeekTo) -> Result<SeekedTo> {
        seek_error(SeekErrorKind::Unseekable)
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let Some(place) = self.next_place()? else { return Ok(None) };
        self.given += 1;
        self.read(place).map(Some)
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        MediaSourceStream::new(Box::new(self.tap), symphonia::core::io::MediaSourceStreamOptions::default())
    }
}
