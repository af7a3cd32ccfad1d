#!/bin/sh
# Provides the images of the EPS and of its authentication server: bin/eps on a Debian 12
# with SoftHSM. The program is built on the host beforehand (make build). The tag tells the
# version of program and files, so that a change makes new images. Prints both names.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/debian.sh"
program=$here/../bin/eps
[ -x "$program" ] || { echo "bin/eps is missing: make build" >&2; exit 1; }
tag=$(tag_of "$here"/eps/* "$program")
base=epsbench/eps-base:bookworm

alone eps
debian "$base" softhsm2,ca-certificates true
for server in eps authserver; do
	image=epsbench/$server:$tag
	if ! there "$image"; then
		# The context is a pipe too: the program is not copied beside the Dockerfile.
		tar --create --directory "$here/eps" . --directory "$(dirname "$program")" eps |
			build --build-arg BASE="$base" --target "$server" --tag "$image" -
	fi
	echo "$image"
done
