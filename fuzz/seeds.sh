#!/bin/sh
# Makes the seeds in corpus/ anew, but for those of dca, which reelmill wrote: a tenth of a second of a tone in every dress
# that the engine reads. Needs ffmpeg.
set -eu
cd "$(dirname "$0")/corpus"

# tone TARGET NAME ARGUMENT...: the file corpus/TARGET/NAME, made by ffmpeg with these arguments.
tone() {
  folder=$1 name=$2
  shift 2
  mkdir -p "$folder"
  ffmpeg -v error -y -bitexact -f lavfi -i "sine=440:r=44100:d=0.1" "$@" -bitexact "$folder/$name"
}

tags="-metadata title=Tone -metadata artist=Nobody -metadata album=None -metadata date=2026 -metadata comment=short"

tone mp4 aac.m4a -c:a aac -b:a 64k $tags
tone mp4 fragments.mp4 -c:a aac -b:a 64k -movflags frag_keyframe+empty_moov
tone mp4 first.m4a -c:a aac -b:a 64k -movflags faststart
tone mp4 alac.m4a -c:a alac
tone mp4 mp3.mp4 -c:a libmp3lame -b:a 64k
tone mp4 pcm.mov -ar 8000 -c:a pcm_s16le
tone mp4 opus.mp4 -ar 48000 -c:a libopus -b:a 32k
tone matroska vorbis.webm -c:a libvorbis -q:a 0
tone matroska opus.webm -ar 48000 -c:a libopus -b:a 32k $tags
tone matroska aac.mkv -c:a aac -b:a 64k
tone matroska mp3.mkv -c:a libmp3lame -b:a 64k
tone matroska flac.mkv -ar 16000 -c:a flac
tone matroska pcm.mkv -ar 8000 -c:a pcm_s16le
tone ogg vorbis.ogg -c:a libvorbis -q:a 0 $tags
tone ogg opus.ogg -ar 48000 -c:a libopus -b:a 32k
tone ogg flac.ogg -ar 16000 -c:a flac
tone riff s16.wav -ar 8000 -c:a pcm_s16le $tags
tone riff u8.wav -ar 8000 -c:a pcm_u8
tone riff s24.wav -ar 8000 -c:a pcm_s24le
tone riff f32.wav -ar 8000 -c:a pcm_f32le
tone riff alaw.wav -ar 8000 -c:a pcm_alaw
tone riff ima.wav -ar 8000 -c:a adpcm_ima_wav
tone riff ms.wav -ar 8000 -c:a adpcm_ms
tone riff rf64.wav -ar 8000 -rf64 always -c:a pcm_s16le
tone flac mono.flac -ar 16000 -c:a flac $tags
tone flac stereo.flac -ar 16000 -ac 2 -c:a flac
tone flac s24.flac -ar 16000 -sample_fmt s32 -c:a flac
tone mpeg cbr.mp3 -c:a libmp3lame -b:a 64k $tags
tone mpeg vbr.mp3 -c:a libmp3lame -q:a 6
tone mpeg low.mp3 -ar 11025 -c:a libmp3lame -b:a 16k
tone mpeg layer2.mp2 -c:a mp2 -b:a 64k
tone mpeg bare.mp3 -ac 2 -c:a libmp3lame -b:a 64k -write_xing 0 -id3v2_version 0
tone adts mono.aac -c:a aac -b:a 64k
tone adts stereo.aac -ac 2 -c:a aac -b:a 64k
tone caf alac.caf -c:a alac
tone caf s16.caf -ar 8000 -c:a pcm_s16be
tone aiff s16.aiff -ar 8000 -c:a pcm_s16be $tags
tone aiff sowt.aiff -ar 8000 -c:a pcm_s16le
tone aiff ulaw.aiff -ar 8000 -c:a pcm_mulaw
tone aiff f64.aiff -ar 4000 -c:a pcm_f64be

# The same tags in every kind of file that has its own, and a cover of a few pixels.
cover="-f lavfi -i color=red:s=8x8:d=0.04 -map 0:a -map 1:v -frames:v 1 -c:v mjpeg -disposition:v attached_pic"
tone tags id3v23.mp3 $cover $tags -c:a libmp3lame -b:a 32k -ar 16000 -id3v2_version 3
tone tags id3v24.mp3 $tags -c:a libmp3lame -b:a 32k -ar 16000 -id3v2_version 4 -write_id3v1 1
tone tags ape.mp3 $tags -c:a libmp3lame -b:a 32k -ar 16000 -id3v2_version 0 -write_apetag 1
tone tags ilst.m4a $cover $tags -c:a aac -b:a 32k -ar 16000
tone tags picture.flac $cover $tags -c:a flac -ar 8000
tone tags comments.ogg $tags -c:a libvorbis -q:a 0 -ar 16000
tone tags info.wav $tags -c:a pcm_u8 -ar 8000
tone tags simple.mkv $tags -c:a libmp3lame -b:a 32k -ar 16000

# The whole path takes three bytes before the file.
mkdir -p whole
for file in mp4/aac.m4a matroska/vorbis.webm matroska/opus.webm ogg/opus.ogg riff/s16.wav flac/stereo.flac mpeg/cbr.mp3 \
  adts/stereo.aac caf/alac.caf aiff/s16.aiff; do
  number=$((${number:--1} + 1))
  { printf "\\$(printf %o $((number % 7)))\\$(printf %o $((number * 7)))\\0"; cat "$file"; } >"whole/$(basename "$file")"
done
