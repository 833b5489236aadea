<?php

/*
 * Proves, in a callback's body, what this application itself permitted.
 *
 * A signature alone says that the storage server sent the callback: everybody with a key of that
 * server (at OSS, every customer) can have it sign a body about anybody's objects. The table in
 * crates/upcall/tests/vectors/binding.json says what is made and what verifies; test_vectors.php
 * runs it.
 */

declare(strict_types=1);

final class BindingError extends RuntimeException
{
}

final class Binding
{
    /** After the end of the policy: a call can be made again for a day. */
    public const GRACE_SECONDS = 90000;
    private const MIN_SECRET_BYTES = 16;
    private const MAX_BYTES = 4096;
    /** Version, permission, and a MAC of 32 bytes. */
    private const FORM = '/\A(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{43})\z/';

    /** @var list<string> */
    private array $keys;

    /** @param list<string> $secrets the first makes, all verify */
    public function __construct(array $secrets)
    {
        $key = fn (string $secret) => hash_hmac('sha256', 'upcall-binding-v1', $secret, true);
        $this->keys = array_map($key, $secrets);
    }

    /** The setting BINDING_SECRET, a list with commas; or else the access key secret. */
    public static function fromSetting(string $setting, string $accessKeySecret): self
    {
        $secrets = preg_split('/\s*,\s*/', trim($setting), -1, PREG_SPLIT_NO_EMPTY);
        foreach ($secrets as $secret) {
            if (strlen($secret) < self::MIN_SECRET_BYTES) {
                throw new InvalidArgumentException('BINDING_SECRET: a secret has at least '
                    . self::MIN_SECRET_BYTES . ' bytes');
            }
        }
        return new self($secrets ?: [$accessKeySecret]);
    }

    /**
     * The text for callbackBody.
     *
     * @param array $permission bucket, prefix or key, perhaps user, and expires
     */
    public function make(array $permission): string
    {
        $members = [];
        foreach (['bucket', 'prefix', 'key', 'user', 'expires'] as $name) {
            if (isset($permission[$name])) {
                $members[$name] = $permission[$name];
            }
        }
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS;
        $signed = 'v1.' . self::base64url(json_encode($members, $flags | JSON_THROW_ON_ERROR));
        return "$signed." . self::mac($this->keys[0], $signed);
    }

    /** What was permitted, if it was the upload that the callback's body names. */
    public function verify(?string $token, ?string $bucket, ?string $object, int $now): array
    {
        if ($token === null || $token === '') {
            throw new BindingError('binding-missing');
        }
        if (strlen($token) > self::MAX_BYTES || !preg_match(self::FORM, $token, $parts)) {
            throw new BindingError('binding-malformed');
        }
        [, $signed, $encoded, $given] = $parts;
        // As texts: of two ways to write a MAC in base64, one is taken.
        $isOurs = fn (string $key): bool => hash_equals(self::mac($key, $signed), $given);
        if (array_filter($this->keys, $isOurs) === []) {
            throw new BindingError('binding-mac');
        }
        $permission = self::read($encoded) ?? throw new BindingError('binding-malformed');
        if ($now > $permission['expires']) {
            throw new BindingError('binding-expired');
        }
        if ($bucket !== $permission['bucket']) {
            throw new BindingError('binding-bucket');
        }
        $isPermitted = isset($permission['key'])
            ? $object === $permission['key']
            : (string) $object !== '' && str_starts_with($object, $permission['prefix']);
        return $isPermitted ? $permission : throw new BindingError('binding-object');
    }

    private static function read(string $encoded): ?array
    {
        $object = json_decode(base64_decode(strtr($encoded, '-_', '+/')));
        if (!$object instanceof stdClass) { // null for what is no JSON in UTF-8
            return null;
        }
        $all = get_object_vars($object);
        $texts = array_intersect_key($all, array_flip(['bucket', 'prefix', 'key', 'user']));
        $isWhole = isset($texts['bucket']) && array_filter($texts, is_string(...)) === $texts
            && array_key_exists('prefix', $texts) !== array_key_exists('key', $texts);
        $expires = $all['expires'] ?? null;
        // Beyond it, not every language can count.
        $isSecond = is_int($expires) && $expires >= 0 && $expires < 2 ** 53;
        return $isWhole && $isSecond ? $texts + ['expires' => $expires] : null;
    }

    private static function mac(string $key, string $text): string
    {
        return self::base64url(hash_hmac('sha256', $text, $key, true));
    }

    private static function base64url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
