//! How many bits a lossy format spends: the nearest that it can, with a note where that is not what was asked for.

use super::khz;
use crate::error::MediaError;
use crate::target::{Format, Rate, Target};

/// Bit rates of MPEG-1 layer 3 (ISO/IEC 11172-3, 2.4.2.3), in kbit/s.
const MPEG1_KBPS: [u16; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// Bit rates of MPEG-2 layer 3 (ISO/IEC 13818-3, 2.4.2.3), in kbit/s.
const MPEG2_KBPS: [u16; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
/// What LAME offers of the same table below 16 kHz (MPEG-2.5).
const MPEG25_KBPS: [u16; 8] = [8, 16, 24, 32, 40, 48, 56, 64];
/// Bits that a raw data block of AAC has for each channel (ISO/IEC 14496-3, 4.5.3.1); a block is 1024 frames.
const AAC_BLOCK_BITS: u32 = 6144;

/// The rates that the Vorbis encoder is tuned for, by sample rate: mono, and both channels of stereo, in kbit/s.
const VORBIS_KBPS: [(u32, [u16; 2], [u16; 2]); 6] = [
    (40_000, [28, 240], [32, 500]),
    (26_000, [26, 190], [28, 380]),
    (19_000, [22, 90], [28, 172]),
    (15_000, [16, 100], [20, 172]),
    (9_000, [14, 50], [16, 88]),
    (0, [8, 42], [10, 64]),
];

pub(super) fn choose(
    target: &Target,
    sample_rate_hz: u32,
    channels: u8,
    notes: &mut Vec<String>,
) -> Result<Option<Rate>, MediaError> {
    let format = target.format;
    match format {
        Format::Wav | Format::Flac => match target.rate {
            None => Ok(None),
            Some(_) => Err(MediaError::BadTarget(format!("{format} is lossless and has no bit rate"))),
        },
        Format::Mp3 => choose_mp3(target.rate, sample_rate_hz, notes).map(Some),
        Format::Opus => {
            let usual = Rate::Abr { kbps: if channels == 1 { 64 } else { 96 } };
            opus_rate(format, target.rate.unwrap_or(usual)).map(Some)
        }
        Format::Dca | Format::Dca0 => {
            let rate = opus_rate(format, target.rate.unwrap_or(Rate::Abr { kbps: 64 }))?;
            // The header says that packets vary, and that is what players expect.
            Ok(Some(Rate::Abr { kbps: kbps_of(rate) }))
        }
        Format::Ogg => choose_vorbis(target.rate, sample_rate_hz, channels, notes).map(Some),
        Format::Aac | Format::M4a => choose_aac(target.rate, sample_rate_hz, channels, notes).map(Some),
        Format::Wma => choose_wma(target.rate).map(Some),
    }
}

/// RFC 6716, section 2.1.1, and what libopus clamps to.
fn opus_rate(format: Format, rate: Rate) -> Result<Rate, MediaError> {
    match rate {
        Rate::Vbr { .. } => Err(MediaError::BadTarget(format!("{format} takes a bit rate, not a quality"))),
        Rate::Cbr { kbps } | Rate::Abr { kbps } if (6..=510).contains(&kbps) => Ok(rate),
        Rate::Cbr { kbps } | Rate::Abr { kbps } => {
            Err(MediaError::BadTarget(format!("{kbps} kbit/s in {format}; 6 to 510 are possible")))
        }
    }
}

fn kbps_of(rate: Rate) -> u16 {
    match rate {
        Rate::Cbr { kbps } | Rate::Abr { kbps } => kbps,
        Rate::Vbr { .. } => 0,
    }
}

/// Vorbis always varies, so a constant rate is a mean.
fn choose_vorbis(
    rate: Option<Rate>,
    sample_rate_hz: u32,
    channels: u8,
    notes: &mut Vec<String>,
) -> Result<Rate, MediaError> {
    let row = VORBIS_KBPS.iter().find(|(from_hz, ..)| sample_rate_hz >= *from_hz);
    let (_, mono, stereo) = row.unwrap_or(&VORBIS_KBPS[0]);
    let [least, most] = if channels == 1 { *mono } else { *stereo };
    let wanted = match rate {
        Some(Rate::Vbr { quality }) if quality <= 9 => return Ok(Rate::Vbr { quality }),
        Some(Rate::Vbr { quality }) => {
            return Err(MediaError::BadTarget(format!("quality {quality} in ogg; 0 to 9 are possible")));
        }
        None => return Ok(Rate::Abr { kbps: (80 * u16::from(channels)).clamp(least, most) }),
        Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) => kbps,
    };
    if !(8..=500).contains(&wanted) {
        return Err(MediaError::BadTarget(format!("{wanted} kbit/s in ogg; 8 to 500 are possible")));
    }
    Ok(Rate::Abr { kbps: bent("ogg", sample_rate_hz, wanted, wanted.clamp(least, most), notes) })
}

fn choose_aac(
    rate: Option<Rate>,
    sample_rate_hz: u32,
    channels: u8,
    notes: &mut Vec<String>,
) -> Result<Rate, MediaError> {
    let most = u64::from(AAC_BLOCK_BITS) * u64::from(channels) * u64::from(sample_rate_hz) / 1024 / 1000;
    let most = u16::try_from(most).unwrap_or(u16::MAX);
    match rate {
        Some(Rate::Vbr { .. }) => Err(MediaError::BadTarget("aac takes a bit rate, not a quality".into())),
        None => Ok(Rate::Cbr { kbps: 128.min(most) }),
        Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) if (8..=512).contains(&kbps) => {
            Ok(Rate::Cbr { kbps: bent("aac", sample_rate_hz, kbps, kbps.min(most), notes) })
        }
        Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) => {
            Err(MediaError::BadTarget(format!("{kbps} kbit/s in aac; 8 to 512 are possible")))
        }
    }
}

/// Any mean that ffmpeg's encoder makes sense of.
fn choose_wma(rate: Option<Rate>) -> Result<Rate, MediaError> {
    match rate {
        Some(Rate::Vbr { .. }) => Err(MediaError::BadTarget("wma takes a bit rate, not a quality".into())),
        None => Ok(Rate::Cbr { kbps: 128 }),
        Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) if (24..=320).contains(&kbps) => Ok(Rate::Cbr { kbps }),
        Some(Rate::Cbr { kbps } | Rate::Abr { kbps }) => {
            Err(MediaError::BadTarget(format!("{kbps} kbit/s in wma; 24 to 320 are possible")))
        }
    }
}

/// Notes where what is chosen is not what is wanted.
fn bent(format: &str, sample_rate_hz: u32, wanted: u16, chosen: u16, notes: &mut Vec<String>) -> u16 {
    if wanted != chosen {
        notes.push(format!("{format} at {} has no {wanted} kbit/s, so it is {chosen}", khz(sample_rate_hz)));
    }
    chosen
}

fn choose_mp3(rate: Option<Rate>, sample_rate_hz: u32, notes: &mut Vec<String>) -> Result<Rate, MediaError> {
    let table: &[u16] = match sample_rate_hz {
        32_000.. => &MPEG1_KBPS,
        16_000.. => &MPEG2_KBPS,
        _ => &MPEG25_KBPS,
    };
    let nearest = |wanted: u16| {
        let mut by_distance: Vec<u16> = table.to_vec();
        by_distance.sort_by_key(|kbps| (kbps.abs_diff(wanted), u16::MAX - kbps));
        by_distance[0]
    };
    let check = |kbps: u16| {
        if (8..=320).contains(&kbps) {
            Ok(kbps)
        } else {
            Err(MediaError::BadTarget(format!("{kbps} kbit/s in mp3; 8 to 320 are possible")))
        }
    };
    let (wanted, chosen, chosen_kbps) = match rate {
        None => return Ok(Rate::Cbr { kbps: nearest(128) }),
        Some(Rate::Vbr { quality }) if quality <= 9 => return Ok(Rate::Vbr { quality }),
        Some(Rate::Vbr { quality }) => {
            return Err(MediaError::BadTarget(format!("quality {quality} in mp3; 0 to 9 are possible")));
        }
        Some(Rate::Cbr { kbps }) => (check(kbps)?, Rate::Cbr { kbps: nearest(kbps) }, nearest(kbps)),
        Some(Rate::Abr { kbps }) => {
            // LAME's ABR takes any mean between the table's ends, but 310 at most.
            let within = check(kbps)?.clamp(table[0], table[table.len() - 1].min(310));
            (kbps, Rate::Abr { kbps: within }, within)
        }
    };
    bent("mp3", sample_rate_hz, wanted, chosen_kbps, notes);
    Ok(chosen)
}
