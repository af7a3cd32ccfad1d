#!/bin/sh
# Provides the image of the MariaDB server: there already, or pulled, or built from
# Debian packages where no registry answers. Two at once wait for each other. Its tag
# (or $1) tells the version of the files in mariadb/, so that a change makes a new image.
# Prints the name of the image.
#
#   EPSBENCH_MARIADB_PULL    image to pull first (mariadb:10.11); empty: do not pull
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/debian.sh"
pull=${EPSBENCH_MARIADB_PULL-mariadb:10.11}
image=${1:-epsbench/mariadb:$(tag_of "$here/mariadb/Dockerfile" "$here/mariadb/entrypoint.sh")}
base=epsbench/mariadb-base:bookworm
echo "$image"

alone mariadb
if there "$image"; then exit 0; fi
if [ -n "$pull" ] && timeout 90 docker pull --quiet "$pull" >/dev/null 2>&1; then
	docker tag "$pull" "$image"
	exit 0
fi
debian "$base" mariadb-server,galera-4 'rm -rf "$1"/var/lib/mysql/*'
build --build-arg BASE="$base" --tag "$image" "$here/mariadb"
