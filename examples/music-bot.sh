#!/bin/sh
# Asks a running Reelmill for a song, with the calls of the music bot's audio service and nothing but curl:
#
#   examples/music-bot.sh "never gonna give you up"
#   examples/music-bot.sh https://example.org/song.webm
#
# It prints where the song's DCA file is. REELMILL_URL is where the server is, http://127.0.0.1:8080 by default. On another
# machine than this one, REELMILL_TOKEN is an API key (POST /v1/keys). A bot would rather follow the operation by
# WebSocket, at /api/audio/ws?operation_id=…, which tells each change with how much is done.
set -eu

url=${REELMILL_URL:-http://127.0.0.1:8080}
if [ $# -ne 1 ]; then
  echo "usage: $0 TITLE-OR-ADDRESS" >&2
  exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# The key goes by a file: a command line can be read by everybody on the machine.
if [ -n "${REELMILL_TOKEN:-}" ]; then
  printf 'header = "Authorization: Bearer %s"\n' "$REELMILL_TOKEN" > "$work/token"
else
  : > "$work/token"
fi

# Sends a request and keeps the answer's body; where the answer is an error, says so and ends.
call() {
  status=$(curl --silent --show-error --config "$work/token" --output "$work/body" --write-out '%{http_code}' "$@") || exit 1
  if [ "$status" -ge 300 ]; then
    echo "$0: $status $(cat "$work/body")" >&2
    exit 1
  fi
}

# The string of that name in the JSON of the last answer.
string() {
  tr -d '\n' < "$work/body" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

call --get --request POST --data-urlencode "song=$1" "$url/api/audio/start"
operation=$(string operation_id) song=$(string song_id)

while :; do
  call "$url/api/audio/status?operation_id=$operation&song_id=$song"
  case $(string status) in
    success) break ;;
    failed)
      echo "$0: $(string error)" >&2
      exit 1
      ;;
  esac
  sleep 1
done

string data | sed 's/^[^:]*: //'
