<?php

/*
 * Fetches public keys and keeps them.
 *
 * A PHP process remembers nothing from one request to the next, so a key is kept in a file, in a
 * folder of the owner alone: who could write there could sign callbacks.
 */

declare(strict_types=1);

/** For connecting, asking and reading: the storage server waits five seconds for our answer. */
const FETCH_SECONDS = 2.0;
const MAX_KEY_BYTES = 16 * 1024;
const MAX_HEAD_BYTES = 8 * 1024;
const KEY_KEPT_SECONDS = 3600;
/** A server that was set up anew has another key under its address; but forgeries lead there, too. */
const RENEW_SECONDS = 60;
const FAILURE_KEPT_SECONDS = 3;
/** At once, from one host, of which there are few: `run` starts eight processes. */
const MAX_FETCHES = 2;

/** The key from the folder, or else from its address; null if it cannot be had. */
function kept_key(string $folder, string $url): ?string
{
    if (!is_dir($folder)) {
        @mkdir($folder, 0700); // fails where another request was faster
    }
    if (is_link($folder) || @fileowner($folder) !== posix_geteuid() || fileperms($folder) & 0o022) {
        throw new RuntimeException("the folder `$folder` is not this process's own");
    }
    $name = hash('sha256', $url);
    $file = "$folder/$name.pem";
    return fresh_key($file) ?? shared_fetch($folder, $name, $file, $url);
}

/**
 * The key that lies there now, if it is another than the kept one: asked for once a minute at most, and
 * without an answer the kept one stays.
 */
function renewed_key(string $folder, string $url, string $stale): ?string
{
    $file = "$folder/" . hash('sha256', $url) . '.pem';
    $lock = fopen("$file.asked", 'c+');
    try {
        flock($lock, LOCK_EX); // for one fetch, that is for two seconds at most
        $kept = fresh_key($file);
        if ($kept !== null && $kept !== $stale) {
            return $kept;
        }
        clearstatcache(true, $file);
        $asked = max((int) stream_get_contents($lock, null, 0), @filemtime($file) ?: 0);
        if (time() - $asked < RENEW_SECONDS) {
            return null;
        }
        note($lock, (string) time());
        $key = fetched_key($url);
        if ($key === null || $key === $stale) {
            return null;
        }
        keep_key($folder, $file, $key);
        return $key;
    } finally {
        fclose($lock); // and unlocks
    }
}

/**
 * Requests that need the same key wait for one fetch. Those that need another one do not: a
 * stranger may name as many addresses as he likes below an allowed one, and each fetch holds a
 * process, of which there are few. So there are few locks, and each says for whom it is held.
 */
function shared_fetch(string $folder, string $name, string $file, string $url): ?string
{
    $host = hash('sha256', explode('/', $url)[2]); // one that does not answer holds up no other
    $lock = fopen("$folder/fetch-$host-" . hexdec($name[0]) % MAX_FETCHES, 'c+');
    $began = microtime(true);
    try {
        while (!flock($lock, LOCK_EX | LOCK_NB)) {
            usleep(20_000);
            if ($key = fresh_key($file)) {
                return $key;
            }
            $isForUs = str_starts_with((string) stream_get_contents($lock, null, 0), $name);
            // The moment is for whoever has the lock and has not yet written the name.
            if (microtime(true) - $began > ($isForUs ? FETCH_SECONDS : 0.1)) {
                return null;
            }
        }
        if ($key = fresh_key($file)) {
            return $key;
        }
        [$failed, $until] = explode(' ', (string) stream_get_contents($lock, null, 0)) + [1 => '0'];
        if ($failed === $name && time() < (int) $until) {
            return null;
        }
        note($lock, $name);
        $key = fetched_key($url);
        if ($key === null) {
            note($lock, $name . ' ' . time() + FAILURE_KEPT_SECONDS);
            return null;
        }
        keep_key($folder, $file, $key);
        return $key;
    } finally {
        fclose($lock); // and unlocks
    }
}

function keep_key(string $folder, string $file, string $key): void
{
    $new = tempnam($folder, 'new-'); // of mode 0600
    file_put_contents($new, $key);
    rename($new, $file); // at once: nobody reads half a key
}

function note($lock, string $text): void
{
    ftruncate($lock, 0);
    rewind($lock);
    fwrite($lock, $text);
}

function fresh_key(string $file): ?string
{
    clearstatcache(true, $file);
    $age = time() - (@filemtime($file) ?: 0);
    return $age < KEY_KEPT_SECONDS ? (@file_get_contents($file) ?: null) : null;
}

/**
 * GET by hand: file_get_contents would need `allow_url_fopen`, follows redirects unless its
 * context says `follow_location => 0`, and its `timeout` is for each read, so that a slow sender
 * is never given up. HTTP/1.0, so that the answer does not come in chunks.
 */
function fetched_key(string $url): ?string
{
    $deadline = microtime(true) + FETCH_SECONDS;
    preg_match('~\A(https?)://([^/]+)(/.+)\z~', $url, $parts);
    [, $scheme, $host, $path] = $parts;
    $port = preg_match('~:\d+\z~', $host) ? '' : ($scheme === 'https' ? ':443' : ':80');
    $transport = $scheme === 'https' ? 'tls' : 'tcp';
    // Half of the time, as it counts for the connection and for the TLS handshake, each.
    $socket = @stream_socket_client("$transport://$host$port", $code, $why, FETCH_SECONDS / 2);
    if ($socket === false) {
        return null;
    }
    fwrite($socket, "GET $path HTTP/1.0\r\nHost: $host\r\nConnection: close\r\n\r\n");
    $answer = '';
    while (!feof($socket)) {
        $left = $deadline - microtime(true);
        if ($left <= 0 || strlen($answer) > MAX_HEAD_BYTES + MAX_KEY_BYTES) {
            return null;
        }
        stream_set_timeout($socket, 0, (int) ($left * 1e6));
        $answer .= fread($socket, 8192);
    }
    return key_of_answer($answer);
}

function key_of_answer(string $answer): ?string
{
    [$head, $key] = explode("\r\n\r\n", $answer, 2) + [1 => ''];
    $isWhole = !preg_match('~^content-length: *(\d+)~mi', $head, $length)
        || (int) $length[1] === strlen($key);
    $isKey = str_starts_with($key, '-----BEGIN PUBLIC KEY-----') && strlen($key) <= MAX_KEY_BYTES;
    return preg_match('~\AHTTP/1\.[01] 200 ~', $head) && $isWhole && $isKey ? $key : null;
}
