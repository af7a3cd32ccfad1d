# What the builders of images share; they source it. Base images come from Debian packages
# alone, so that no registry has to answer.
#
#   EPSBENCH_DEBIAN_MIRROR  Debian mirror (http://deb.debian.org/debian)

# alone waits until no other process builds the images of this name.
alone() {
	exec 9>"${TMPDIR:-/tmp}/epsbench-$1-$(id -u).lock"
	flock 9
}

# there says whether the engine has an image.
there() { docker image inspect "$1" >/dev/null 2>&1; }

# tag_of is the tag of an image that is made from these files: it changes with them.
tag_of() { cat "$@" | sha256sum | cut -c1-12; }

# debian provides a base image: a minimal Debian 12 with packages (a,b), without the files
# that a shell command removes from the root "$1".
debian() {
	base=$1 packages=$2 remove=$3
	if there "$base"; then return; fi
	for tool in mmdebstrap gpgv; do
		command -v "$tool" >/dev/null || {
			echo "no registry answers and $tool is missing: apt-get install mmdebstrap gpgv debian-archive-keyring" >&2
			exit 1
		}
	done
	# A pipe: the file system never rests on the disk of the builder.
	mmdebstrap --quiet --variant=minbase --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--customize-hook="$remove; rm -rf \"\$1\"/var/lib/apt/lists/* \"\$1\"/var/cache/apt/*" \
		bookworm - "${EPSBENCH_DEBIAN_MIRROR:-http://deb.debian.org/debian}" | docker import - "$base" >/dev/null
}

# build makes an image, quietly unless it fails.
build() {
	out=$(docker build "$@" 2>&1) || {
		echo "$out" >&2
		exit 1
	}
}
