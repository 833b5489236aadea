<?php

/*
 * Is this callback the storage server's?
 *
 * In: a request as it came, raw target and raw body. Out: nothing, or a VerifyError that says what
 * is wrong. What was signed is target and body and nothing else: no host, no time, no other
 * header.
 *
 * Source: OSS, "Callback" (step 4). The table in crates/upcall/tests/vectors/verify.json says what
 * must pass and what must not; test_vectors.php runs it.
 */

declare(strict_types=1);

final class VerifyError extends RuntimeException
{
    /** `$reason` is one of the codes of verify.json; Exception::$code is a number by custom. */
    public function __construct(public readonly string $reason, public readonly string $header = '')
    {
        parent::__construct($header === '' ? $reason : "$reason: $header");
    }
}

/** Where public keys may come from: who controls the address decides which signatures are good. */
final class PublicKeyUrls
{
    /** Not by http: who is on the way could put a key there. */
    private const OSS = 'https://gosspublic.alicdn.com/';
    /** OSS's key has 512 bits. From any other address that is too small to prove anything. */
    private const OSS_KEYS = [
        'http://gosspublic.alicdn.com/callback_pub_key_v1.pem',
        'https://gosspublic.alicdn.com/callback_pub_key_v1.pem',
    ];
    private const FOLDERS = 'https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9_\~-][A-Za-z0-9._\~-]*)*/';
    private const FILE = '[A-Za-z0-9_\~-][A-Za-z0-9._\~-]*';

    /** @var list<string> regular expressions */
    private array $patterns;

    /**
     * @param string $list addresses with spaces or commas between, and no others count: a whole one;
     * or with a final `/` all below it; or with one `*` in the last segment, for letters, digits
     * and `-`; or `oss` for OSS's own, which also counts if the list is empty
     */
    public function __construct(string $list = '')
    {
        $entries = preg_split('/[\s,]+/', $list, -1, PREG_SPLIT_NO_EMPTY);
        $this->patterns = array_map(self::pattern(...), $entries ?: ['oss']);
    }

    /**
     * The address is compared as text, before a URL parser sees it: where two parsers could see
     * two hosts (`@`, `\`, `%`, spaces), it is refused. `\z`, as `$` also matches before a final
     * LF.
     */
    public function admits(string $url): bool
    {
        $matches = fn (string $pattern): bool => preg_match($pattern, $url) === 1;
        return strlen($url) <= 1024
            && $matches('~\A' . self::FOLDERS . self::FILE . '\z~')
            && array_filter($this->patterns, $matches) !== [];
    }

    public function leastBits(string $url): int
    {
        return in_array($url, self::OSS_KEYS, true) ? 512 : 1024;
    }

    private static function pattern(string $entry): string
    {
        $entry = $entry === 'oss' ? self::OSS : $entry;
        $file = '(?:' . self::FILE . '|[A-Za-z0-9._\~-]*\*[A-Za-z0-9._\~-]*)?';
        if (preg_match('~\A' . self::FOLDERS . $file . '\z~', $entry) !== 1) {
            throw new InvalidArgumentException("CALLBACK_KEY_URLS: `$entry` is not of the form "
                . 'http(s)://host/path in plain letters, with one `*` at most, after the last `/`');
        }
        $below = str_ends_with($entry, '/') ? '.' : '\z';
        return '~\A' . str_replace('\*', '[A-Za-z0-9-]+', preg_quote($entry, '~')) . $below . '~';
    }
}

final class CallbackVerifier
{
    /**
     * @param Closure(string): ?string $fetchKey the PEM at an address that was judged, or null
     * @param ?Closure(string, string): ?string $renewKey another PEM that lies at the address by now,
     * given the one that did not fit a signature
     */
    public function __construct(
        private PublicKeyUrls $keyUrls,
        private Closure $fetchKey,
        private ?Closure $renewKey = null,
    ) {
    }

    /** @param list<array{string, string}> $headers names in any case, and values */
    public function verify(string $method, string $target, array $headers, string $rawBody): void
    {
        if ($method !== 'POST') {
            throw new VerifyError('method');
        }
        // rawurldecode, as urldecode makes a space of `+`. The path is signed decoded, with `?`
        // and LF as marks behind it: were they allowed in it, `/a%3Fb` would carry the signature
        // of `/a?b`. A fragment is never sent: servers differ in whether they hand it on.
        $rawPath = explode('?', $target, 2)[0];
        $path = rawurldecode($rawPath);
        if (!str_starts_with($path, '/') || strpbrk($path, "?\n") || strpbrk($target, "#\n")) {
            throw new VerifyError('target');
        }
        $keyUrl = self::decoded(self::needed($headers, 'x-oss-pub-key-url'));
        if ($keyUrl === null || !$this->keyUrls->admits($keyUrl)) {
            throw new VerifyError('key-url');
        }
        $signature = self::decoded(self::needed($headers, 'authorization'))
            ?? throw new VerifyError('header-not-base64', 'authorization');
        if ((self::header($headers, 'x-oss-signature-version') ?? '1.0') !== '1.0') {
            throw new VerifyError('signature-version');
        }
        $this->checkDigest(self::header($headers, 'content-md5'), $rawBody);

        // The query is signed as it was sent, with its mark, even if it is empty.
        $signed = $path . substr($target, strlen($rawPath)) . "\n" . $rawBody;
        $pem = ($this->fetchKey)($keyUrl);
        try {
            $this->checkSignature($keyUrl, $pem, $signed, $signature);
        } catch (VerifyError $e) {
            if ($pem === null || $this->renewKey === null) {
                throw $e;
            }
            // The storage server may have another key by now.
            $renewed = ($this->renewKey)($keyUrl, $pem) ?? throw $e;
            $this->checkSignature($keyUrl, $renewed, $signed, $signature);
        }
    }

    private function checkSignature(string $url, ?string $pem, string $signed, string $signature): void
    {
        // Only 1 is yes: it is 0 for another signature and -1 or false, which are no `0`, for an
        // error.
        if (openssl_verify($signed, $signature, $this->key($url, $pem), OPENSSL_ALGO_MD5) !== 1) {
            throw new VerifyError('signature');
        }
    }

    private function checkDigest(?string $contentMd5, string $rawBody): void
    {
        if ($contentMd5 === null) {
            return; // OSS's oldest callbacks have none; the signature covers the body in any case.
        }
        $digest = self::decoded($contentMd5)
            ?? throw new VerifyError('header-not-base64', 'content-md5');
        if ($digest !== md5($rawBody, true)) {
            throw new VerifyError('digest');
        }
    }

    private function key(string $url, ?string $pem): OpenSSLAsymmetricKey
    {
        // openssl_pkey_get_public would open a file if the text were `file://…`.
        $isPem = $pem !== null && str_starts_with($pem, '-----BEGIN PUBLIC KEY-----');
        $key = $isPem ? openssl_pkey_get_public($pem) : false;
        $details = $key ? openssl_pkey_get_details($key) : false;
        if (!$details || $details['type'] !== OPENSSL_KEYTYPE_RSA) {
            throw new VerifyError('key-unavailable');
        }
        if ($details['bits'] < $this->keyUrls->leastBits($url)) {
            throw new VerifyError('key-too-small');
        }
        return $key;
    }

    private static function needed(array $headers, string $name): string
    {
        return self::header($headers, $name) ?? throw new VerifyError('header-missing', $name);
    }

    /**
     * The one header of this name. PHP joins two with a comma; base64 and `1.0` have none. CGI and
     * what descends from it read `_` as `-`: a header spelled so is another one, but beside the right
     * one it makes two.
     */
    private static function header(array $headers, string $name): ?string
    {
        $isRead = fn (array $header): bool => strtr(strtolower($header[0]), '_', '-') === $name;
        $found = array_values(array_filter($headers, $isRead));
        if (count($found) > 1 || str_contains($found[0][1] ?? '', ',')) {
            throw new VerifyError('header-twice', $name);
        }
        return strtolower($found[0][0] ?? '') === $name ? $found[0][1] : null;
    }

    /** Strict base64: PHP's `$strict` still skips white space and does not ask for padding. */
    private static function decoded(string $base64): ?string
    {
        $bytes = base64_decode($base64, true);
        return $bytes !== false && base64_encode($bytes) === $base64 ? $bytes : null;
    }
}
