# Becomes a program that does not outlive whoever holds the other end of standard input.
#
# usage: lifeline.sh FOLDER PROGRAM [ARGUMENT...]; run as the leader of a process group.
# A line on standard input means that the program is over; the end of standard input without one, that its keeper died:
# then the whole group goes, and FOLDER with it. The watcher is a grandchild in a session of its own, since a server may
# mind a child it does not know, and the group's end must not end it.
set -eu
folder=$1
shift
exec 3<&0
(setsid sh -c '
    if ! read -r over <&3; then
        kill -s KILL -- "-$1"
        sleep 1
        rm -rf -- "$2"
    fi
' watcher "$$" "$folder" </dev/null >/dev/null 2>&1 &)
exec "$@" </dev/null 3<&-
