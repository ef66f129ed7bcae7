//! The first bytes of media that this crate does not read, and how ffmpeg does.

use super::Foreign;

/// Offset, bytes, name, and ffmpeg's demuxer where it has one.
type Magic = (usize, &'static [u8], &'static str, Option<Foreign>);

pub(super) const UNREAD: [Magic; 37] = [
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf/wma", Some(Foreign::forward("asf"))),
    (0, b".RMF", "realmedia", Some(Foreign::random("rm"))),
    (0, b".ra\xfd", "realaudio", Some(Foreign::random("rm"))),
    // Blocks of more than two channels are looked ahead at.
    (0, b"wvpk", "wavpack", Some(Foreign::random("wv"))),
    (0, b"MAC ", "monkey's audio", Some(Foreign::random("ape"))),
    (0, b"MPCK", "musepack", Some(Foreign::random("mpc8"))),
    (0, b"MP+", "musepack", Some(Foreign::random("mpc"))),
    (0, b"TTA1", "true audio (tta)", Some(Foreign::forward("tta"))),
    (0, b"tBaK", "tak", Some(Foreign::random("tak"))),
    (0, b"DSD ", "dsd (dsf)", Some(Foreign::random("dsf"))),
    (0, b"FRM8", "dsd (dsdiff)", Some(Foreign::random("iff"))),
    (0, b"#!AMR", "amr", Some(Foreign::forward("amr"))),
    (0, b"DTSHDHDR", "dts", Some(Foreign::random("dtshd"))),
    (0, b"\x7f\xfe\x80\x01", "dts", Some(Foreign::forward("dts"))),
    (0, b"\xfe\x7f\x01\x80", "dts", Some(Foreign::forward("dts"))),
    (0, b"\x1f\xff\xe8\x00", "dts", Some(Foreign::forward("dts"))),
    (0, b"\xff\x1f\x00\xe8", "dts", Some(Foreign::forward("dts"))),
    (4, b"\xf8\x72\x6f\xba", "truehd", Some(Foreign::forward("truehd"))),
    (4, b"\xf8\x72\x6f\xbb", "mlp", Some(Foreign::forward("mlp"))),
    (0, b"FLV\x01", "flv", Some(Foreign::forward("flv"))),
    (0, b"\x00\x00\x01\xba", "mpeg program stream", Some(Foreign::forward("mpeg"))),
    (0, b"\x00\x00\x01\xb3", "mpeg video", None),
    (0, b"MThd", "midi", None),
    (0, b".snd", "sun audio (au)", Some(Foreign::forward("au"))),
    (0, b"RF64", "rf64", Some(Foreign::forward("wav"))),
    (0, b"BW64", "bw64", Some(Foreign::forward("wav"))),
    (0, b"riff\x2e\x91\xcf\x11", "wave64", Some(Foreign::forward("w64"))),
    (0, b"OFR ", "optimfrog", None),
    (0, b"ajkg", "shorten", Some(Foreign::random("shn"))),
    (0, b"Creative Voice File", "creative voice", Some(Foreign::random("voc"))),
    (0, b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", "mxf", Some(Foreign::random("mxf"))),
    (4, b"moov", "quicktime without a file type (ftyp)", Some(Foreign::random("mov"))),
    (4, b"mdat", "quicktime without a file type (ftyp)", Some(Foreign::random("mov"))),
    (4, b"wide", "quicktime without a file type (ftyp)", Some(Foreign::random("mov"))),
    (0, b"nut/multimedia container\0", "nut", Some(Foreign::forward("nut"))),
    (0, b"ADIF", "aac in adif", None),
    (0, b"DCA1", "dca", None),
];

/// Demuxers that know their files by a mark and never open another file: what an input is shown to that
/// nothing here knows. Formats without a mark are left out, since noise passes for them, and so are all
/// lists, scripts, subtitles and numbered pictures.
pub(super) const MARKED: &str = "4xm,aea,avr,bfstm,brstm,dsf,dxa,ea,film_cpk,gxf,hca,iff,ircam,ivf,kvag,\
    lvf,mmf,mtv,nistsphere,nsv,nuv,oma,paf,pva,qcp,roq,shn,smjpeg,smk,sox,svag,tak,vqf,voc,wsaud,wtv,wve,\
    xwma";
