# Runs one server and sees to its end: sh supervise.sh FOLDER SIGNAL PREPARATION PROGRAM [ARGUMENT...]
#
# Orders come in on standard input, a word a line; each is answered by "done". When the orders end, because the test
# process has ended in whatever way, the server ends and its folder goes. Own process group: Ctrl-C does not come here.

folder=$1 ending=$2 preparation=$3
shift 3
server=

# A server and its children, each of which PostgreSQL gives a process group of its own.
family() {
    for child in $(pgrep -P "$1"); do family "$child"; done
    echo "$1"
}

lives() {
    case $(ps -o stat= -p "$1") in '' | Z*) return 1 ;; esac
}

start() {
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
}

# Whether any of these lives.
any() {
    for member in $1; do
        lives "$member" && return 0
    done
    return 1
}

# stop SIGNAL
stop() {
    [ -n "$server" ] || return 0
    # It has no more children while they are counted.
    kill -s STOP "$server" 2>/dev/null
    members=$(family "$server")
    kill -s "$1" "$server" 2>/dev/null
    # What is frozen hears nothing else.
    kill -s CONT $members 2>/dev/null
    if [ "$1" != KILL ]; then
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            lives "$server" || break
            sleep 0.1
        done
    fi
    kill -s KILL $members 2>/dev/null
    wait "$server" 2>/dev/null
    # As long as one child of a dead server is there, PostgreSQL does not start again.
    while any "$members"; do sleep 0.02; done
    server=
}

# The one way to end is the end of the orders. (The kernel sends HUP of itself when the test process goes before a frozen
# server.)
trap '' HUP INT TERM
trap 'stop "$ending"; rm -rf "$folder"' EXIT

if ! (eval "$preparation") >"$folder/log" 2>&1; then
    echo failed
    # The log is read before the folder goes.
    read -r _
    exit 1
fi
start "$@"
echo 'done'
while read -r order; do
    case $order in
        start) start "$@" ;;
        stop) stop "$ending" ;;
        kill) stop KILL ;;
        # Itself first, so that it has no more children by the time they are looked for.
        freeze) kill -s STOP "$server"; kill -s STOP $(family "$server") ;;
        thaw) kill -s CONT $(family "$server") ;;
        alive) lives "$server" || { echo 'dead'; continue; } ;;
    esac
    echo 'done'
done
