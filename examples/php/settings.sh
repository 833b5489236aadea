# What `run` and `run-apache` have in common: the settings, and a server that is started, waited
# for and stopped. Read with `.` by bash.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)

fail() {
    echo "$*" >&2
    exit 1
}

# Takes the settings from the environment, with the defaults that README.md lists.
read_settings() {
    local name
    for name in OSS_ACCESS_KEY_ID OSS_ACCESS_KEY_SECRET OSS_HOST OSS_BUCKET; do
        [ -n "${!name:-}" ] ||
            fail "the setting $name is missing: README.md says where it comes from"
    done
    export OSS_ACCESS_KEY_ID OSS_ACCESS_KEY_SECRET OSS_HOST OSS_BUCKET
    # Without PORT, it listens where CALLBACK_URL says, if that is on this machine.
    local own=3000
    [[ ! ${CALLBACK_URL:-} =~ ^http://(127\.0\.0\.1|localhost):([0-9]+)([/?]|$) ]] ||
        own=${BASH_REMATCH[2]}
    export PORT=${PORT:-$own}
    [[ $PORT =~ ^[0-9]{1,5}$ ]] || fail "PORT is not a number: $PORT"
    export CALLBACK_URL=${CALLBACK_URL:-http://127.0.0.1:$PORT/callback}
    export CALLBACK_KEY_URLS=${CALLBACK_KEY_URLS:-} BINDING_SECRET=${BINDING_SECRET:-}
    export UPLOADS=${UPLOADS:-$here/uploads.sqlite}
    [[ $UPLOADS = /* ]] || UPLOADS=$PWD/$UPLOADS
    php -r 'require $argv[1]; require $argv[2];
        try {
            new PublicKeyUrls(getenv("CALLBACK_KEY_URLS"));
            Binding::fromSetting(getenv("BINDING_SECRET"), getenv("OSS_ACCESS_KEY_SECRET"));
        } catch (InvalidArgumentException $e) { fwrite(STDERR, $e->getMessage() . "\n"); exit(1); }' \
        "$here/verify.php" "$here/binding.php" || exit 1
    # Kept keys: a test server that was set up anew may have another one under the same address.
    rm -rf -- "$UPLOADS.keys"
}

is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; }

# Runs the command in a process group of its own until this script is told to end, by SIGTERM or
# Ctrl-C; then sends the signal $1 to the group and ends with 0. If the server ends by itself, it is
# started again: to PHP's own, one request is enough that announces more bytes than there is memory.
serve() {
    local signal=$1 server ready="ready: http://127.0.0.1:$PORT/"
    shift
    ! is_listening || fail "port $PORT is taken"
    set -m
    while :; do
        "$@" &
        server=$!
        trap 'stop "$signal" "$server"' TERM INT
        until is_listening; do
            kill -0 "$server" 2>/dev/null || fail "the server did not start"
            sleep 0.05
        done
        [ -z "$ready" ] || echo "$ready"
        ready=
        wait "$server" || true
        kill -KILL -- "-$server" 2>/dev/null || true
        echo "the server ended, and is started again" >&2
        sleep 0.2
    done
}

stop() {
    trap '' TERM INT
    kill "-$1" -- "-$2" 2>/dev/null || true
    for _ in {1..30}; do
        kill -0 "$2" 2>/dev/null || break
        sleep 0.05
    done
    kill -KILL -- "-$2" 2>/dev/null || true
    exit 0
}
