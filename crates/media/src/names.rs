//! What the demuxers' codec numbers are called.

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::profiles as profile;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, well_known as audio};
use symphonia::core::codecs::video::well_known as video;

use crate::aac;
use crate::codec::Codec;
use crate::mp4::{self, Mp4Track};

/// Names an audio track's codec; `boxed` is its code where it is in an MP4.
pub(crate) fn audio(params: &AudioCodecParameters, boxed: Option<[u8; 4]>) -> Codec {
    match params.codec {
        audio::CODEC_ID_AAC => aac(params),
        audio::CODEC_ID_MP1 => Codec::Mp1,
        audio::CODEC_ID_MP2 => Codec::Mp2,
        audio::CODEC_ID_MP3 => Codec::Mp3,
        audio::CODEC_ID_VORBIS => Codec::Vorbis,
        audio::CODEC_ID_OPUS => Codec::Opus,
        audio::CODEC_ID_FLAC => Codec::Flac,
        audio::CODEC_ID_ALAC => Codec::Alac,
        audio::CODEC_ID_ADPCM_MS | audio::CODEC_ID_ADPCM_IMA_WAV | audio::CODEC_ID_ADPCM_IMA_QT => {
            Codec::Adpcm
        }
        id if is_pcm(id) => Codec::Pcm,
        id => Codec::Other(unread(id).map_or_else(
            || boxed.map_or_else(|| "an unknown codec".to_owned(), mp4::codec_name),
            str::to_owned,
        )),
    }
}

fn is_pcm(id: AudioCodecId) -> bool {
    (audio::CODEC_ID_PCM_S32LE..=audio::CODEC_ID_PCM_MULAW).contains(&id)
}

fn aac(params: &AudioCodecParameters) -> Codec {
    match params.profile {
        Some(profile::CODEC_PROFILE_AAC_HE) => Codec::HeAac,
        Some(profile::CODEC_PROFILE_AAC_HE_V2) => Codec::HeAacV2,
        Some(profile::CODEC_PROFILE_AAC_USAC) => Codec::XheAac,
        _ => params.extra_data.as_deref().map_or(Codec::AacLc, aac::announced),
    }
}

fn unread(id: AudioCodecId) -> Option<&'static str> {
    Some(match id {
        audio::CODEC_ID_AC3 => "AC-3",
        audio::CODEC_ID_EAC3 => "E-AC-3",
        audio::CODEC_ID_AC4 => "AC-4",
        audio::CODEC_ID_DCA => "DTS",
        audio::CODEC_ID_TRUEHD => "TrueHD",
        audio::CODEC_ID_SPEEX => "Speex",
        audio::CODEC_ID_MUSEPACK => "Musepack",
        audio::CODEC_ID_WMA => "WMA",
        audio::CODEC_ID_WAVPACK => "WavPack",
        audio::CODEC_ID_MONKEYS_AUDIO => "Monkey's Audio",
        audio::CODEC_ID_TTA => "True Audio",
        audio::CODEC_ID_RALF => "RealAudio Lossless",
        audio::CODEC_ID_RA10 | audio::CODEC_ID_RA20 | audio::CODEC_ID_SIPR | audio::CODEC_ID_COOK => {
            "RealAudio"
        }
        audio::CODEC_ID_ATRAC1
        | audio::CODEC_ID_ATRAC3
        | audio::CODEC_ID_ATRAC3PLUS
        | audio::CODEC_ID_ATRAC9 => "ATRAC",
        audio::CODEC_ID_ADPCM_G722 | audio::CODEC_ID_ADPCM_G726 | audio::CODEC_ID_ADPCM_G726LE => {
            "G.72x ADPCM"
        }
        audio::CODEC_ID_SBC => "SBC",
        audio::CODEC_ID_APTX | audio::CODEC_ID_APTX_HD => "aptX",
        _ => return None,
    })
}

/// Names a track that is not audio.
pub(crate) fn other(params: Option<&CodecParameters>, boxed: Option<&Mp4Track>) -> String {
    match (params, boxed) {
        (Some(CodecParameters::Video(params)), _) => {
            let name = match params.codec {
                video::CODEC_ID_H264 => "h264",
                video::CODEC_ID_HEVC => "hevc",
                video::CODEC_ID_VVC => "vvc",
                video::CODEC_ID_VP8 => "vp8",
                video::CODEC_ID_VP9 => "vp9",
                video::CODEC_ID_AV1 => "av1",
                video::CODEC_ID_THEORA => "theora",
                video::CODEC_ID_MPEG4 => "mpeg-4",
                video::CODEC_ID_MPEG2 => "mpeg-2",
                video::CODEC_ID_MJPEG => "mjpeg",
                _ => return "video".into(),
            };
            format!("{name} video")
        }
        (Some(CodecParameters::Subtitle(_)), _) => "subtitles".into(),
        (_, Some(boxed)) => {
            let code = String::from_utf8_lossy(&boxed.codec).escape_default().to_string();
            match &boxed.handler {
                b"vide" => format!("{code} video"),
                b"text" | b"sbtl" | b"subt" | b"clcp" => "subtitles".into(),
                _ => format!("{code} data"),
            }
        }
        _ => "an unknown track".into(),
    }
}
