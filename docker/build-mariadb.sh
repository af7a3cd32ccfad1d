#!/bin/sh
# Provides the image of the MariaDB server: there already, or pulled, or built from
# Debian packages where no registry answers. Two at once wait for each other. Its tag
# (or $1) tells the version of the files in mariadb/, so that a change makes a new image.
#
#   EPSBENCH_MARIADB_PULL    image to pull first (mariadb:10.11); empty: do not pull
#   EPSBENCH_MARIADB_MIRROR  Debian mirror (http://deb.debian.org/debian)
set -eu

pull=${EPSBENCH_MARIADB_PULL-mariadb:10.11}
mirror=${EPSBENCH_MARIADB_MIRROR:-http://deb.debian.org/debian}
here=$(cd "$(dirname "$0")" && pwd)
tag=$(cat "$here/mariadb/Dockerfile" "$here/mariadb/entrypoint.sh" | sha256sum | cut -c1-12)
image=${1:-epsbench/mariadb:$tag}
base=epsbench/mariadb-base:bookworm

there() { docker image inspect "$1" >/dev/null 2>&1; }

exec 9>"${TMPDIR:-/tmp}/epsbench-mariadb-$(id -u).lock"
flock 9
there "$image" && exit 0

if [ -n "$pull" ] && timeout 90 docker pull --quiet "$pull" >/dev/null 2>&1; then
	docker tag "$pull" "$image"
	exit 0
fi

for tool in mmdebstrap gpgv; do
	command -v "$tool" >/dev/null || {
		echo "no registry answers and $tool is missing: apt-get install mmdebstrap gpgv debian-archive-keyring" >&2
		exit 1
	}
done
if ! there "$base"; then
	# A pipe: the file system never rests on the disk of the builder.
	mmdebstrap --quiet --variant=minbase --include=mariadb-server,galera-4 \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook='rm -rf "$1"/var/lib/mysql/* "$1"/var/lib/apt/lists/*' \
		bookworm - "$mirror" | docker import - "$base" >/dev/null
fi
docker build --quiet --build-arg BASE="$base" --tag "$image" "$here/mariadb" >/dev/null
