#!/usr/bin/env bash
# The EPS and its authentication server in containers, as `make demo` shows them.
#
#   demo.sh up     make images and secrets, start everything, wait until it is ready
#   demo.sh down   stop it, and remove containers, volumes, networks and out/demo
#   demo.sh        up, the walk of README.md, down
#
# Ports are the usual ones where they are free; BANK_PORT, PUBLIC_PORT and AUTH_PORT
# choose others, DEMO_PROJECT another name than epsbench-demo.
set -euo pipefail
umask 077

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
project=${DEMO_PROJECT:-epsbench-demo}
demo=$root/out/$project

fail() { echo "demo: $*" >&2; exit 1; }

# needs makes sure of what this takes: an engine by hand, the rest is installed.
needs() {
	command -v docker >/dev/null || fail "docker is missing: apt-get install docker.io"
	docker info >/dev/null 2>&1 || fail "no Docker engine answers: start it, or join the group docker"
	"$root/.ci/deps" demo
	[ -x "$root/bin/eps" ] || fail "bin/eps is missing: make build"
}

# compose_program is Compose, of either kind.
compose_program() {
	if docker compose version >/dev/null 2>&1; then
		echo docker compose
	else
		echo docker-compose
	fi
}

# free makes sure that this is no second demo of the same name.
free() { [ ! -e "$demo" ] || fail "$demo is there: make demo-down, or another DEMO_PROJECT"; }

# port gives the first free one of the loopback address from $1 on.
port() {
	local p=$1
	while (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do p=$((p + 1)); done
	echo "$p"
}

# secret makes a random word of letters and digits.
secret() { od -An -N 16 -tx1 /dev/urandom | tr -d ' \n'; }

# secrets makes those of one installation. Containers read them as users of their own,
# so the files are open and the directory around them is not.
secrets() {
	mkdir -p "$demo/secrets/files"
	chmod 0755 "$demo/secrets/files"
	local name
	for name in mariadb-root-password {eps,authserver}-{pin,so-pin,password}; do
		secret >"$demo/secrets/files/$name"
	done
	for name in eps authserver; do
		cat <<-SQL
			CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb4;
			CREATE USER IF NOT EXISTS $name@'%' IDENTIFIED BY '$(cat "$demo/secrets/files/$name-password")';
			GRANT ALL ON $name.* TO $name@'%';
		SQL
	done >"$demo/secrets/files/databases.sql"
	chmod 0444 "$demo/secrets/files"/*
}

# settings writes the variables of compose.yaml, and a program that knows them.
settings() {
	local images
	mapfile -t images < <(sh "$here/build-eps.sh")
	[ ${#images[@]} -eq 2 ] || fail "the images of eps cannot be made"
	cat >"$demo/env" <<-ENV
		MARIADB_IMAGE=$1
		EPS_IMAGE=${images[0]}
		AUTHSERVER_IMAGE=${images[1]}
		SECRETS=$demo/secrets/files
		BANK_PORT=${BANK_PORT:-$(port 8443)}
		PUBLIC_PORT=${PUBLIC_PORT:-$(port 9443)}
		AUTH_PORT=${AUTH_PORT:-$(port 6443)}
	ENV
	printf '#!/bin/sh\nexec %s --project-name %s --env-file %q --file %q "$@"\n' \
		"$(compose_program)" "$project" "$demo/env" "$demo/compose.yaml" >"$demo/compose"
	cp "$here/compose.yaml" "$demo/" # so that down knows what up has started
	chmod +x "$demo/compose"
}

up() {
	needs
	free
	echo "Making images (the first time this takes minutes), secrets and containers."
	mkdir -p "$demo"
	local mariadb
	mariadb=$(sh "$here/build-mariadb.sh")
	settings "$mariadb"
	secrets
	timeout 600 "$demo/compose" up --detach >"$demo/up.log" 2>&1 || { cat "$demo/up.log" >&2; "$demo/compose" logs --tail 20 >&2; fail "not everything has started"; }
	ready eps eps ready
	# What a bank, a phone and an auditor of this installation carry.
	local eps
	eps=$("$demo/compose" ps -q eps)
	docker cp --quiet "$eps:/var/lib/eps/pki" "$demo/pki" 2>/dev/null || docker cp "$eps:/var/lib/eps/pki" "$demo/pki"
	docker cp "$eps:/var/lib/eps/phone.json" "$demo/phone.json" >/dev/null
	echo "All is up; see out/$project, and $demo/compose ps"
}

# ready waits until a service says that it is.
ready() {
	local service=$1 tries=60
	shift
	until "$demo/compose" exec -T "$service" "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { "$demo/compose" logs --tail 20 "$service" >&2; fail "$service does not get ready"; }
		sleep 1
	done
}

down() {
	if [ -x "$demo/compose" ]; then
		"$demo/compose" down --volumes --remove-orphans --timeout 30 >/dev/null 2>&1 || fail "not everything could be removed: $demo/compose down --volumes"
	fi
	rm -rf "$demo"
}

# walk runs that section of README.md: prose is printed, commands are carried out, and
# one that fails ends it.
walk() {
	awk '
		/^## / { walking = $0 == "## Walk through it"; next }
		!walking { next }
		/^```/ { code = $0 == "```sh"; next }
		code { print; next }
		!NF { blank = 1; next }
		{ if (blank) print "echo"; blank = 0; gsub(/\047/, "\047\\\047\047"); print "echo \047" $0 "\047" }
	' "$here/README.md" >"$demo/walk.sh"
	(cd "$demo" && PATH=$root/bin:$PATH timeout 600 bash -euo pipefail walk.sh)
}

case ${1:-all} in
up) up ;;
down) down ;;
all)
	started=$SECONDS
	free
	trap down EXIT
	up
	walk
	echo "demo: everything went as the page says, in $((SECONDS - started)) s"
	;;
*) fail "usage: demo.sh [up|down]" ;;
esac
