#!/bin/sh
# One step of making an EPS and its authentication server, each in the container of the
# server that it is about. What one side gives to the other goes through /handover. A step
# that is done is not done again. The steps, in their order:
#
#   eps         token, keys, configuration and development PKI of the EPS
#   authserver  the same of the authentication server, and its offer to pair
#   wrap        the EPS takes the offer and leaves a package
#   accept      the authentication server takes the package
set -eu

handover=/handover
secrets=/run/secrets
module=/usr/lib/softhsm/libsofthsm2.so

# token makes the HSM token of a server.
token() {
	mkdir -p -m 0700 tokens
	softhsm2-util --init-token --free --label "$1" --so-pin "$(cat "$secrets/$1-so-pin")" --pin "$(cat "$secrets/$1-pin")"
}

# made gives the options that both kinds of init share.
made() {
	echo "--module $module --label $1 --pin-file $secrets/$1-pin --dsn $1@tcp(mariadb:3306)/$1 --password-file $secrets/$1-password"
}

# travels moves files through /handover, readable by no one else.
travels() { install --mode=0600 "$1" "$2"; }

case $1 in
eps)
	[ ! -e eps.yaml ] || exit 0
	token eps
	# shellcheck disable=SC2046 # words on purpose
	eps init $(made eps) --bank 0.0.0.0:8443 --public 0.0.0.0:9443 --phones "$PHONES" \
		--authserver https://authserver:7443 --host eps --host authserver
	mkdir -p "$handover/pki"
	for file in ca.pem roles.yaml authserver.pem authserver.key; do
		travels "pki/$file" "$handover/pki/$file"
	done
	;;
authserver)
	[ ! -e authserver.yaml ] || exit 0
	mkdir -p -m 0700 pki
	mv "$handover"/pki/* pki/
	token authserver
	# shellcheck disable=SC2046
	eps authserver init $(made authserver) --plugin 0.0.0.0:7443 --auth 0.0.0.0:6443
	eps authserver pair --step offer --offer "$handover/offer.json"
	;;
wrap)
	[ ! -e paired ] || exit 0
	# Between two machines two people compare the fingerprints that both sides print. Here
	# both sides are one host, and make demo compares them.
	echo yes | eps authserver pair --step wrap --offer "$handover/offer.json" --package "$handover/package.json"
	touch paired
	;;
accept)
	[ ! -e paired ] || exit 0
	echo yes | eps authserver pair --step accept --package "$handover/package.json"
	rm "$handover/package.json"
	touch paired
	;;
esac
