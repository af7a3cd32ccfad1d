#!/bin/sh
# Makes the data directory, a database and a user at the first start, then becomes
# the server. It reads the variables of the mariadb image on Docker Hub, so that
# either image serves: MARIADB_ROOT_PASSWORD (or …_FILE), MARIADB_DATABASE, MARIADB_USER,
# MARIADB_PASSWORD. Like that image it runs /docker-entrypoint-initdb.d/*.sql, but at every
# start, and with one statement a line. Further arguments go to mariadbd.
set -eu

data=/var/lib/mysql
run=/run/mysqld
if [ -n "${MARIADB_ROOT_PASSWORD_FILE:-}" ]; then
	MARIADB_ROOT_PASSWORD=$(cat "$MARIADB_ROOT_PASSWORD_FILE")
fi
: "${MARIADB_ROOT_PASSWORD:?is not set}"

# quoted makes a string safe between single quotes in SQL.
quoted() { printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g"; }

# statements prints what --init-file runs: one statement a line.
statements() {
	root=$(quoted "$MARIADB_ROOT_PASSWORD")
	# install-db leaves root without a password at every other address.
	echo "DELETE FROM mysql.global_priv WHERE User = '' OR User = 'root' AND Host NOT IN ('localhost', '%');"
	echo "FLUSH PRIVILEGES;"
	echo "CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '$root';"
	echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
	echo "ALTER USER root@localhost IDENTIFIED BY '$root';"
	for file in /docker-entrypoint-initdb.d/*.sql; do
		[ ! -e "$file" ] || cat "$file"
	done
	[ -n "${MARIADB_DATABASE:-}" ] || return 0
	echo "CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\` CHARACTER SET utf8mb4;"
	[ -n "${MARIADB_USER:-}" ] || return 0
	user=$(quoted "$MARIADB_USER")
	echo "CREATE USER IF NOT EXISTS '$user'@'%' IDENTIFIED BY '$(quoted "${MARIADB_PASSWORD:-}")';"
	echo "GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$user'@'%';"
}

mkdir -p "$run"
if [ ! -d "$data/mysql" ]; then
	mariadb-install-db --no-defaults --user=mysql --datadir="$data" \
		--auth-root-authentication-method=normal --skip-test-db >/dev/null
fi
umask 077
statements >"$run/init.sql"
chown -R mysql:mysql "$run" "$data"

exec mariadbd --no-defaults --user=mysql --datadir="$data" --socket="$run/mysqld.sock" \
	--bind-address=0.0.0.0 --port=3306 --skip-name-resolve \
	--character-set-server=utf8mb4 --init-file="$run/init.sql" "$@"
