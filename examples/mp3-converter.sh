#!/bin/sh
# Turns a film into an mp3 through a running Reelmill, with the calls of the MP4-to-MP3 converter and nothing but curl:
#
#   REELMILL_EMAIL=me@example.org REELMILL_PASSWORD=… examples/mp3-converter.sh talk.mp4 talk.mp3
#
# REELMILL_URL is where the server is, http://127.0.0.1:8080 by default. Clients of that system know /login, /upload and
# /download; what they got by mail there, the file id of the result, stands in the job that X-Job-Id names.
set -eu

url=${REELMILL_URL:-http://127.0.0.1:8080}
: "${REELMILL_EMAIL:?set it to the e-mail of the account}" "${REELMILL_PASSWORD:?set it to the password of the account}"
if [ $# -ne 2 ]; then
  echo "usage: $0 FILM SONG" >&2
  exit 2
fi
film=$1 song=$2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Sends a request and prints the answer's body; where the answer is an error, says so and ends.
call() {
  status=$(curl --silent --show-error --output "$work/body" --dump-header "$work/head" --write-out '%{http_code}' "$@") || exit 1
  if [ "$status" -ge 300 ]; then
    echo "$0: $status $(cat "$work/body")" >&2
    exit 1
  fi
}

# The first string of that name in the JSON of the last answer.
string() {
  tr -d '\n' < "$work/body" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

# The password goes by standard input: a command line can be read by everybody on the machine.
login=$(printf '%s:%s' "$REELMILL_EMAIL" "$REELMILL_PASSWORD" | sed 's/[\\"]/\\&/g')
printf 'user = "%s"\n' "$login" | call --config - --request POST "$url/login"
printf 'header = "Authorization: Bearer %s"\n' "$(cat "$work/body")" > "$work/token"
chmod 600 "$work/token"

call --config "$work/token" --form "file=@\"$film\"" "$url/upload"
cat "$work/body"
echo
job=$(tr -d '\r' < "$work/head" | sed -n 's/^[Xx]-[Jj]ob-[Ii]d: *//p')

while :; do
  call --config "$work/token" "$url/v1/jobs/$job"
  case $(string state) in
    done) break ;;
    failed | cancelled)
      echo "$0: the conversion did not work out: $(string message)" >&2
      exit 1
      ;;
  esac
  sleep 1
done

fid=$(string fid)
call --config "$work/token" "$url/download?fid=$fid"
mv "$work/body" "$song"
echo "$song"
