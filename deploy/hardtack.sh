#!/bin/sh
# /usr/local/sbin/hardtack: a command of the program with the settings of the service, such as `hardtack sessions list`.
#
# For root alone: only systemd can read /etc/hardtack.env and be the service's user. As that user all of them run that open the
# store, so that no file there belongs to another one. An export writes where root says, and opens no store.
set -eu
if [ "${1:-}" = export ]; then
	set -- --same-dir -- /opt/hardtack/hardtack "$@"
else
	set -- -p DynamicUser=yes -p User=hardtack -p StateDirectory=hardtack -p StateDirectoryMode=0700 \
		-p WorkingDirectory=/var/lib/hardtack -p UMask=0077 -- /opt/hardtack/hardtack "$@"
fi
# The same two as in the unit; the file wins.
exec systemd-run --quiet --collect --wait --pipe --pty \
	-p Environment=HARDTACK_STORE_URL=sqlite:/var/lib/hardtack/hardtack.db \
	-p Environment=HARDTACK_LEPTOS_SITE_ROOT=/opt/hardtack/site \
	-p EnvironmentFile=/etc/hardtack.env "$@"
