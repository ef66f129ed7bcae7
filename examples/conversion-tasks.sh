#!/bin/sh
# Converts a recording through a running Reelmill, with the calls of the conversion tasks and nothing but curl: signs up
# where there is no account yet, logs in, makes a task, waits for it, downloads the result and deletes the task.
#
#   REELMILL_USER=me REELMILL_EMAIL=me@example.org REELMILL_PASSWORD=… examples/conversion-tasks.sh talk.wav mp3 talk.mp3
#
# REELMILL_URL is where the server is, http://127.0.0.1:8080 by default. Signing up needs REELMILL_SIGNUP=open there.
set -eu

url=${REELMILL_URL:-http://127.0.0.1:8080}
: "${REELMILL_EMAIL:?set it to the e-mail of the account}" "${REELMILL_PASSWORD:?set it to the password of the account}"
user=${REELMILL_USER:-$REELMILL_EMAIL}
if [ $# -ne 3 ]; then
  echo "usage: $0 RECORDING FORMAT RESULT" >&2
  exit 2
fi
recording=$1 format=$2 result=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# Sends a request; the answer's status and body.
ask() {
  status=$(curl --silent --show-error --output "$work/body" --write-out '%{http_code}' "$@") || exit 1
}

# Sends a request; where the answer is an error, says so and ends.
call() {
  ask "$@"
  if [ "$status" -ge 300 ]; then
    echo "$0: $status $(cat "$work/body")" >&2
    exit 1
  fi
}

# A text as a JSON string.
quoted() {
  printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# The first string of that name in the JSON of the last answer.
string() {
  tr -d '\n' < "$work/body" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"
}

email=$(quoted "$REELMILL_EMAIL") password=$(quoted "$REELMILL_PASSWORD")
json='Content-Type: application/json'

# Bodies go by a file of ours alone: a command line can be read by everybody on the machine.
login() {
  printf '{"email":%s,"password":%s}' "$email" "$password" > "$work/request"
  "$1" --header "$json" --data-binary "@$work/request" "$url/api/auth/login"
}

login ask
if [ "$status" = 401 ]; then
  printf '{"user":%s,"email":%s,"password1":%s,"password2":%s}' "$(quoted "$user")" "$email" "$password" "$password" > "$work/request"
  call --header "$json" --data-binary "@$work/request" "$url/api/auth/signup"
  login call
elif [ "$status" -ge 300 ]; then
  echo "$0: $status $(cat "$work/body")" >&2
  exit 1
fi
printf 'header = "Authorization: Bearer %s"\n' "$(string token)" > "$work/token"

call --config "$work/token" --form "audio=@\"$recording\"" --form-string "newFormat=$format" "$url/api/tasks"
task=$(tr -d '\n' < "$work/body" | sed -n 's/.*"id": *\([0-9]*\).*/\1/p')

failed=
while :; do
  call --config "$work/token" "$url/api/tasks/$task"
  case $(string state) in
    PROCESSED) break ;;
    FAILED)
      failed=$(string message)
      break
      ;;
  esac
  sleep 1
done

if [ -z "$failed" ]; then
  call --config "$work/token" "$url/api/download/$task?which=converted"
  mv "$work/body" "$result"
fi
call --config "$work/token" --request DELETE "$url/api/tasks/$task"
if [ -n "$failed" ]; then
  echo "$0: the conversion did not work out: $failed" >&2
  exit 1
fi
echo "$result"
