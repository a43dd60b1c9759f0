#!/bin/sh
# docker-entrypoint.sh [redis-server] [FLAG...]: as root, hands over to the user redis.
set -eu
case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
[ "${1:-}" = redis-server ] || exec "$@"

# Protected mode turns away every client that is not on loopback; the upstream image is compiled without it.
case " $* " in *" --protected-mode "*) ;; *) set -- "$@" --protected-mode no ;; esac
[ "$(id -u)" != 0 ] || {
  chown redis:redis .
  exec setpriv --reuid=redis --regid=redis --clear-groups "$@"
}
exec "$@"
