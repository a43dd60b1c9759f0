#!/bin/bash
# docker-entrypoint.sh [mysqld|mariadbd] [FLAG...]: on an empty data folder, makes the database, the user and the root
# password that the MYSQL_ variables ask for and runs /docker-entrypoint-initdb.d; then serves.
set -euo pipefail

case ${1:-} in
  -*) ;;
  mysqld | mariadbd) shift ;;
  *) exec "$@" ;;
esac
mapfile -t flags < <(mysqld-arguments "$@")

if [ "$(id -u)" = 0 ]; then
  # As upstream: what NAME_FILE names is read while still root, as such files may be root's alone.
  for name in MYSQL_ROOT_PASSWORD MYSQL_USER MYSQL_PASSWORD MYSQL_DATABASE; do
    file_variable=${name}_FILE
    [ -n "${!file_variable:-}" ] || continue
    value=$(cat "${!file_variable}")
    export "$name=$value"
    unset "$file_variable"
  done
  chown mysql:mysql /var/lib/mysql /run/mysqld
  exec setpriv --reuid=mysql --regid=mysql --clear-groups "$0" mysqld "$@"
fi

# setting NAME: the variable NAME, or the content of the file that NAME_FILE names
setting() {
  local file_variable=$1_FILE
  if [ -n "${!file_variable:-}" ]; then cat "${!file_variable}"; else printf '%s' "${!1:-}"; fi
}

# quoted TEXT: TEXT as an SQL string
quoted() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\'\'}"
}

make_accounts() {
  local root_password user password database
  root_password=$(setting MYSQL_ROOT_PASSWORD)
  user=$(setting MYSQL_USER)
  password=$(setting MYSQL_PASSWORD)
  database=$(setting MYSQL_DATABASE)
  if [ -z "$root_password" ] && [ -z "${MYSQL_ALLOW_EMPTY_PASSWORD:-}" ]; then
    echo 'needs MYSQL_ROOT_PASSWORD, MYSQL_ROOT_PASSWORD_FILE or MYSQL_ALLOW_EMPTY_PASSWORD' >&2
    exit 1
  fi
  # One statement a line: that is how the server reads its bootstrap input.
  {
    echo 'FLUSH PRIVILEGES;'
    echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "$root_password");"
    echo "CREATE USER root@'%' IDENTIFIED BY $(quoted "$root_password");"
    echo "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;"
    [ -z "$database" ] || echo "CREATE DATABASE IF NOT EXISTS \`$database\`;"
    [ -z "$user" ] || echo "CREATE USER $(quoted "$user")@'%' IDENTIFIED BY $(quoted "$password");"
    [ -z "$user" ] || [ -z "$database" ] || echo "GRANT ALL ON \`$database\`.* TO $(quoted "$user")@'%';"
  } | mariadbd --bootstrap
}

run_init_files() {
  local file files=(/docker-entrypoint-initdb.d/*)
  [ -e "${files[0]}" ] || return 0
  # Not reachable from outside yet: who waits for the port must find the finished database.
  mariadbd --skip-networking &
  local server=$!
  export MYSQL_PWD
  MYSQL_PWD=$(setting MYSQL_ROOT_PASSWORD)
  until mysqladmin --user=root --silent ping; do sleep 0.1; done
  for file in "${files[@]}"; do
    case $file in
      *.sh) bash "$file" ;;
      *.sql) mysql --user=root "$(setting MYSQL_DATABASE)" < "$file" ;;
      *.sql.gz) gunzip --stdout "$file" | mysql --user=root "$(setting MYSQL_DATABASE)" ;;
    esac
  done
  mysqladmin --user=root shutdown
  wait "$server"
  unset MYSQL_PWD
}

if [ ! -d /var/lib/mysql/mysql ]; then
  mariadb-install-db --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve > /dev/null
  make_accounts
  run_init_files
fi
exec mariadbd "${flags[@]}"
