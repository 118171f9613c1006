#!/usr/bin/env bash
# Builds the image, runs it, asks all four ports, stops it with SIGTERM and finds its data again: with your Docker engine.
#
#   scripts/docker-check.sh
#   NETWORK=host scripts/docker-check.sh       an engine without bridges (started with --iptables=false --bridge=none)
#   BUILD_BASE=… RUN_BASE=… scripts/docker-check.sh     other base images (docs/docker.md)
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=${IMAGE:-cairn-check}
NETWORK=${NETWORK:-bridge}
NAME=cairn-check-$$
MEMCACHED=11211 HTTP=8000 IMAGES=4444 MERGES=6543

say() { printf '%s\n' "$*"; }

fail() {
  say "FAIL $*"
  docker logs "$NAME" 2>&1 | tail -40 || say "(no logs)"
  exit 1
}

clean() {
  docker rm -f "$NAME" >/dev/null 2>&1 || say "no container is left to remove"
  docker volume rm "$NAME" >/dev/null 2>&1 || say "no volume is left to remove"
}

free_port() {
  local port
  while port=$((20000 + RANDOM)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# ask PORT TEXT: what the container answers to it, until it closes.
ask() {
  exec 3<>"/dev/tcp/127.0.0.1/$1"
  printf '%b' "$2" >&3
  timeout 10 cat <&3
  exec 3>&-
}

# expect WHAT PATTERN ANSWER
expect() {
  [[ $3 =~ $2 ]] || fail "$1: expected $2, got: $3"
  say "ok   $1"
}

start() {
  if [ "$NETWORK" = host ]; then
    MEMCACHED=$(free_port) HTTP=$(free_port) IMAGES=$(free_port) MERGES=$(free_port)
    docker run -d --name "$NAME" --network host -v "$NAME:/data" \
      -e CAIRN_MEMCACHED_PORT="$MEMCACHED" -e CAIRN_HTTP_PORT="$HTTP" \
      -e CAIRN_IMAGE_PORT="$IMAGES" -e CAIRN_MERGE_PORT="$MERGES" "$IMAGE" >/dev/null
  else
    docker run -d --name "$NAME" -v "$NAME:/data" \
      -p 127.0.0.1::11211 -p 127.0.0.1::8000 -p 127.0.0.1::4444 -p 127.0.0.1::6543 "$IMAGE" >/dev/null
    MEMCACHED=$(published 11211) HTTP=$(published 8000) IMAGES=$(published 4444) MERGES=$(published 6543)
  fi
  local status=starting
  for _ in $(seq 300); do
    status=$(docker inspect -f '{{.State.Status}} {{.State.Health.Status}}' "$NAME")
    case $status in
      "running healthy") say "ok   the health check says healthy" && return ;;
      running*) sleep 0.2 ;;
      *) break ;;
    esac
  done
  fail "the container is not healthy: $status"
}

published() {
  docker port "$NAME" "$1" | head -1 | sed 's/.*://'
}

stop() {
  local begun=$SECONDS code
  docker stop -t 30 "$NAME" >/dev/null
  code=$(docker inspect -f '{{.State.ExitCode}}' "$NAME")
  [ "$code" = 0 ] || fail "SIGTERM: exit code $code"
  say "ok   SIGTERM ends it with exit code 0 in $((SECONDS - begun)) s"
}

# Uploads a CSV, waits for its job, and prints the result: a worker process and DuckDB are at work.
csv_job() {
  local body id answer
  body='--b\r\nContent-Disposition: form-data; name="file"; filename="plays.csv"\r\nContent-Type: text/csv\r\n\r\n'
  body+='Song,Date,Number of Plays\nStones,2026-01-01,2\nStones,2026-01-01,3\n\r\n--b--\r\n'
  printf -v answer '%b' "$body"
  answer=$(ask "$HTTP" "POST /api/upload_file HTTP/1.0\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${#answer}\r\n\r\n$body")
  id=$(sed -n 's/.*"job_id": *"\([^"]*\)".*/\1/p' <<<"$answer")
  [ -n "$id" ] || { echo "no job: $answer" && return; }
  for _ in $(seq 100); do
    answer=$(ask "$HTTP" "GET /api/file_status/$id HTTP/1.0\r\nHost: localhost\r\n\r\n")
    [[ $answer =~ SUCCESS|FAILURE ]] && break
    sleep 0.2
  done
  ask "$HTTP" "GET /api/download_file/$id HTTP/1.0\r\nHost: localhost\r\n\r\n"
}

trap clean EXIT
if [ "$IMAGE" = cairn-check ]; then
  arguments=()
  [ "$NETWORK" = host ] && arguments+=(--network host)
  [ -n "${BUILD_BASE:-}" ] && arguments+=(--build-arg "BUILD_BASE=$BUILD_BASE")
  [ -n "${RUN_BASE:-}" ] && arguments+=(--build-arg "RUN_BASE=$RUN_BASE")
  docker build ${arguments[@]+"${arguments[@]}"} -t "$IMAGE" .
  say "ok   built: $(docker image inspect -f '{{.Size}}' "$IMAGE") bytes"
fi

start
expect "it is not root" '^[1-9][0-9]*$' "$(docker exec "$NAME" id -u)"
expect "memcached stores" 'STORED' "$(ask "$MEMCACHED" 'set stone 0 0 5\r\npiled\r\nquit\r\n')"
expect "the dashboard answers" 'HTTP/1.[01] 200' "$(ask "$HTTP" 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' | head -1)"
unknown=$(printf '0%.0s' {1..64})
expect "the image port answers" 'HTTP/1.[01] 404' "$(ask "$IMAGES" "GET /image/$unknown HTTP/1.0\r\nHost: localhost\r\n\r\n" | head -1)"
expect "the merge port answers" 'HTTP/1.[01] 404' \
  "$(ask "$MERGES" 'GET /download/00000000-0000-4000-8000-000000000000 HTTP/1.0\r\nHost: localhost\r\n\r\n' | head -1)"
expect "a worker adds up a CSV" 'Stones,2026-01-01,5' "$(csv_job)"
stop

docker rm "$NAME" >/dev/null
start
expect "a new container on the same volume has the data" 'VALUE stone 0 5.*piled' "$(ask "$MEMCACHED" 'get stone\r\nquit\r\n')"
stop
say "the image works"
