#!/bin/sh
# /usr/local/sbin/hardtack: runs a command of the program with the settings of the service, such as `hardtack sessions
# list`.
#
# For root only, because only systemd can read /etc/hardtack.env and run as the service's user. Every command that
# opens the store runs as that user, so that no file there belongs to another one. An export writes where root chooses
# and opens no store.
set -eu
if [ "${1:-}" = export ]; then
	set -- --same-dir -- /opt/hardtack/hardtack "$@"
else
	set -- -p DynamicUser=yes -p User=hardtack -p StateDirectory=hardtack -p StateDirectoryMode=0700 \
		-p WorkingDirectory=/var/lib/hardtack -p UMask=0077 -- /opt/hardtack/hardtack "$@"
fi
# The same two variables as in the unit. The file takes precedence.
exec systemd-run --quiet --collect --wait --pipe --pty \
	-p Environment=HARDTACK_STORE_URL=sqlite:/var/lib/hardtack/hardtack.db \
	-p Environment=HARDTACK_LEPTOS_SITE_ROOT=/opt/hardtack/site \
	-p EnvironmentFile=/etc/hardtack.env "$@"
