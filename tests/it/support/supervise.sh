# Runs one server until its end: sh supervise.sh FOLDER SIGNAL PREPARATION PROGRAM [ARGUMENT...]
#
# Standard input has the orders, a word a line, and each is answered by "done". When the input ends, because the test
# process has ended for any reason, the server is stopped and its folder removed. The script has a separate process
# group, so that Ctrl-C does not reach it.

folder=$1 ending=$2 preparation=$3
shift 3
server=

# Prints a server and its children. PostgreSQL gives each child a separate process group.
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

# Succeeds if any of these processes lives.
any() {
    for member in $1; do
        lives "$member" && return 0
    done
    return 1
}

# stop SIGNAL
stop() {
    [ -n "$server" ] || return 0
    # Suspend the server, so that it starts no children while they are counted.
    kill -s STOP "$server" 2>/dev/null
    members=$(family "$server")
    kill -s "$1" "$server" 2>/dev/null
    # A suspended process handles no other signal.
    kill -s CONT $members 2>/dev/null
    if [ "$1" != KILL ]; then
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            lives "$server" || break
            sleep 0.1
        done
    fi
    kill -s KILL $members 2>/dev/null
    wait "$server" 2>/dev/null
    # PostgreSQL does not start again while a child of the old server lives.
    while any "$members"; do sleep 0.02; done
    server=
}

# Only the end of the input ends this script. (The kernel sends HUP when the test process ends before a frozen server.)
trap '' HUP INT TERM
trap 'stop "$ending"; rm -rf "$folder"' EXIT

if ! (eval "$preparation") >"$folder/log" 2>&1; then
    echo failed
    # Wait, because the log must be read before the folder is removed.
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
        # The server first, so that it starts no children while they are listed.
        freeze) kill -s STOP "$server"; kill -s STOP $(family "$server") ;;
        thaw) kill -s CONT $(family "$server") ;;
        alive) lives "$server" || { echo 'dead'; continue; } ;;
    esac
    echo 'done'
done
