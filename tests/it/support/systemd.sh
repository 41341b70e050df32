#!/usr/bin/env bash
# Replaces the programs that `docs/DEPLOY.md` uses and a test cannot run. A folder on PATH has a link to it under each
# name.
#
# Below $DEPLOY_ROOT it does with the unit what systemd does: variables, user, folder, umask. Without root all files
# belong to one user, so the owners of files are not tested.
set -eu

root=$DEPLOY_ROOT
unit=$root/etc/systemd/system/hardtack.service
log=$root/journal
pid=$root/hardtack.pid
# A number in the range that systemd gives to dynamic users.
user=61234

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

settings=()
# Adds the variables of a file. Source: systemd.exec(5), EnvironmentFile=.
add_file() {
    local line value
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in '' | '#'* | ';'*) continue ;; esac
        value=${line#*=}
        case $value in \"*\" | \'*\') value=${value:1:${#value}-2} ;; esac
        settings+=("${line%%=*}=$value")
    done <"$1"
}

# Runs a program as the service's user, in its state folder. The folder belongs to that user, and its content is changed
# only when the folder had another owner. Source: systemd.exec(5), StateDirectory=.
as_the_service() {
    local folder=$root/var/lib/private/hardtack become=()
    mkdir -p "$folder"
    chmod 711 "$root/var/lib/private"
    chmod 700 "$folder"
    ln -sfn private/hardtack "$root/var/lib/hardtack"
    if [ "$(id -u)" = 0 ]; then
        [ "$(stat -c %u "$folder")" = "$user" ] || chown -R "$user:$user" "$folder"
        become=(setpriv "--reuid=$user" "--regid=$user" --clear-groups)
    fi
    cd "$folder"
    umask 077
    exec ${become[@]+"${become[@]}"} env -i "HARDTACK_SITE_LISTEN=127.0.0.1:$DEPLOY_PORT" HARDTACK_STORE_TIMEOUT=20s "${settings[@]}" "$@"
}

lives() { [ -f "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; }

stop() {
    lives || return 0
    kill -TERM "$(cat "$pid")"
    while lives; do sleep 0.05; done
    rm -f "$pid"
}

start() {
    local line program
    ! lives || return 0
    while IFS= read -r line; do settings+=("${line#Environment=}"); done < <(grep '^Environment=' "$unit")
    add_file "$(sed -n 's/^EnvironmentFile=//p' "$unit")"
    read -r -a program < <(sed -n 's/^ExecStart=//p' "$unit")
    : >"$log"
    (as_the_service "${program[@]}") </dev/null >>"$log" 2>&1 &
    echo $! >"$pid"
    # systemd does not wait for the listener, but the next steps of the test need it.
    while lives && ! grep -q listening "$log"; do sleep 0.05; done
}

case $(basename "$0") in
systemctl)
    case "$*" in
    daemon-reload) ! command -v systemd-analyze >/dev/null || systemd-analyze verify --man=no "$unit" ;;
    "enable hardtack") grep -q '^WantedBy=' "$unit" ;;
    "start hardtack") start ;;
    "stop hardtack") stop ;;
    "restart hardtack") stop && start ;;
    "reload caddy") caddy validate --adapter caddyfile --config "$root/etc/caddy/Caddyfile" >/dev/null 2>&1 ;;
    "reload nginx") ;;
    *) fail "unknown command: $*" ;;
    esac
    ;;
journalctl)
    [ "$1 $2" = "-u hardtack" ] || fail "unknown command: $*"
    cat "$log"
    ;;
systemd-run)
    state='' folder=''
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
        --quiet | --collect | --wait | --pipe | --pty) ;;
        --same-dir) folder=$PWD ;;
        -p)
            case $2 in
            Environment=*) settings+=("${2#Environment=}") ;;
            EnvironmentFile=*) add_file "${2#EnvironmentFile=}" ;;
            DynamicUser=yes | User=hardtack | StateDirectoryMode=0700 | UMask=0077 | WorkingDirectory="$root/var/lib/hardtack") ;;
            StateDirectory=hardtack) state=yes ;;
            *) fail "unknown command: $2" ;;
            esac
            shift
            ;;
        *) fail "unknown command: $1" ;;
        esac
        shift
    done
    shift
    [ -z "$state" ] || as_the_service "$@"
    cd "${folder:-/}"
    exec env -i "${settings[@]}" "$@"
    ;;
apt)
    [ "$1" = install ] || fail "unknown command: $*"
    shift
    for package; do
        case $package in nginx-light | certbot | python3-certbot-nginx | sqlite3) ;; *) fail "what is $package?" ;; esac
    done
    ;;
certbot)
    [ "$1 $2 $3" = "certonly --nginx -d" ] || fail "unknown command: $*"
    live=$root/etc/letsencrypt/live/$4
    mkdir -p "$live"
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj "/CN=$4" -keyout "$live/privkey.pem" -out "$live/fullchain.pem" 2>/dev/null
    ;;
nginx)
    [ "$*" = -t ] || fail "unknown command: $*"
    real=$(PATH=${PATH#*:}:/usr/sbin command -v nginx)
    tried=$root/nginx
    mkdir -p "$tried"
    # On unprivileged ports. IPv6 is left out, because some machines lack it.
    sed -E '/listen \[::\]/d; s/listen (80|443)/listen 127.0.0.1:2\1/' "$root"/etc/nginx/sites-enabled/* >"$tried/site"
    {
        printf 'daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n access_log off;\n'
        for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $kind;"; done
        printf 'include site;\n}\n'
    } >"$tried/nginx.conf"
    "$real" -t -p "$tried" -c nginx.conf -e stderr
    ;;
esac
