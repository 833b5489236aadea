<?php

/*
 * An application server for direct uploads: signs policies, verifies callbacks, keeps rows.
 *
 * Takes: GET for a signed policy, GET /uploads for the rows, POST for the callback. The settings
 * come from the environment; README.md lists them. Nothing may stand before `<?php`, not even a
 * byte-order mark: it would be sent before the JSON, and the storage server would call the answer
 * none.
 */

declare(strict_types=1);

ini_set('display_errors', '0'); // a notice in front of the JSON would spoil it; the log has it
ini_set('zlib.output_compression', '0'); // the storage server wants a Content-Length
ini_set('default_mimetype', '');
header_remove('X-Powered-By');

require __DIR__ . '/../binding.php';
require __DIR__ . '/../keys.php';
require __DIR__ . '/../verify.php';

const POLICY_SECONDS = 300;
const MAX_FILE_BYTES = 104857600;
const MAX_CALLBACK_BYTES = 1024 * 1024;
const MAX_ROWS = 100;
const NOT_KEPT = ['Access-Control-Allow-Origin: *', 'Cache-Control: no-store'];
const CALLBACK_BODY = 'bucket=${bucket}&object=${object}&etag=${etag}&size=${size}'
    . '&mimeType=${mimeType}&height=${imageInfo.height}&width=${imageInfo.width}'
    . '&requestId=${reqId}&binding=';

set_exception_handler(function (Throwable $e): void {
    error_log(get_class($e) . ": {$e->getMessage()}");
    answer(500, ['Status' => 'internal error']);
});

// The target as it was sent: $_GET and PATH_INFO are decoded, and the signature is not over that.
$target = $_SERVER['REQUEST_URI'];
match ($_SERVER['REQUEST_METHOD']) {
    'OPTIONS' => answer(204, null, [
        'Access-Control-Allow-Origin: *',
        'Access-Control-Allow-Methods: GET, POST',
        'Access-Control-Allow-Headers: *',
    ]),
    'GET' => explode('?', $target, 2)[0] === '/uploads' ? list_uploads() : give_policy(),
    'POST' => receive_callback($target),
    default => answer(405, ['Status' => 'method not allowed'], ['Allow: GET, POST, OPTIONS']),
};

function give_policy(): never
{
    // A real application takes the user from its session: here, anybody may say who he is.
    $user = $_GET['user'] ?? 'guest';
    // `\z`, as `$` also matches before a final line feed; and `?user[]=` makes an array.
    if (!is_string($user) || !preg_match('/\A[a-z0-9_-]{1,32}\z/', $user)) {
        $message = 'user has 1 to 32 of a-z, 0-9, _ and -';
        answer(400, ['error' => ['code' => 'InvalidUser', 'message' => $message]], NOT_KEPT);
    }
    answer(200, signed_policy($user, time() + POLICY_SECONDS), NOT_KEPT);
}

function signed_policy(string $user, int $expire): array
{
    [$bucket, $dir] = [setting('OSS_BUCKET'), "uploads/$user/"];
    $permitted = binding()->make([
        'bucket' => $bucket,
        'prefix' => $dir,
        'user' => $user,
        'expires' => $expire + Binding::GRACE_SECONDS,
    ]);
    $callback = base64_encode(json([
        'callbackUrl' => callback_url(),
        'callbackBody' => CALLBACK_BODY . $permitted,
        'callbackBodyType' => 'application/x-www-form-urlencoded',
    ]));
    $policy = base64_encode(json([
        'expiration' => gmdate('Y-m-d\TH:i:s.000\Z', $expire),
        'conditions' => [
            ['eq', '$bucket', $bucket],
            ['starts-with', '$key', $dir],
            ['content-length-range', 0, MAX_FILE_BYTES],
            ['not-in', '$x-oss-object-acl', ['public-read', 'public-read-write']],
            ['eq', '$callback', $callback], // or else a page could leave it out
            ['eq', '$success_action_status', '200'],
        ],
    ]));
    $secret = setting('OSS_ACCESS_KEY_SECRET');
    return [
        'accessid' => setting('OSS_ACCESS_KEY_ID'),
        'host' => setting('OSS_HOST'),
        'policy' => $policy,
        'signature' => base64_encode(hash_hmac('sha1', $policy, $secret, true)),
        'expire' => $expire,
        'callback' => $callback,
        'dir' => $dir,
    ];
}

function receive_callback(string $target): never
{
    preg_match('~\Ahttps?://[^/?#]+([^#]*)~', callback_url(), $parts);
    $expected = $parts[1] ?? '';
    if ($target !== (str_starts_with($expected, '/') ? $expected : "/$expected")) {
        answer(404, ['Status' => 'not found']);
    }
    // Not $_POST: only these bytes were signed. post_max_size must not be below the limit here.
    $body = file_get_contents('php://input', false, null, 0, MAX_CALLBACK_BYTES + 1);
    if (strlen($body) > MAX_CALLBACK_BYTES) {
        answer(413, ['Status' => 'body too large']);
    }
    $folder = uploads_file() . '.keys';
    $keyUrls = new PublicKeyUrls(getenv('CALLBACK_KEY_URLS') ?: '');
    $verifier = new CallbackVerifier(
        $keyUrls,
        fn (string $url) => kept_key($folder, $url),
        fn (string $url, string $stale) => renewed_key($folder, $url, $stale),
    );
    try {
        $verifier->verify('POST', $target, request_headers(), $body);
    } catch (VerifyError $e) {
        error_log("callback refused: {$e->getMessage()}");
        // After a 503 upcall calls again later; after a 4xx it does not.
        $status = $e->reason === 'key-unavailable' ? 503 : 400;
        answer($status, ['Status' => 'verify not ok'] + hint($e));
    }
    $fields = read_form($body) ?? answer(400, ['Status' => 'body not understood']);
    $field = fn (string $name): ?string => $fields[$name] ?? null;
    try {
        $permission = binding()->verify(
            $field('binding'),
            $field('bucket'),
            $field('object'),
            time(),
        );
    } catch (BindingError $e) {
        error_log("callback refused: {$e->getMessage()}");
        answer(403, ['Status' => 'not permitted']);
    }
    keep_row($fields, $permission['user'] ?? null);
    answer(200, ['Status' => 'OK', 'object' => $fields['object']]);
}

/**
 * Not parse_str, which takes the last of two fields, makes `a_b` of `a.b`, and an array of `a[]`. No
 * bytes that are no UTF-8: they would make another name of the object.
 */
function read_form(string $body): ?array
{
    $fields = [];
    foreach (explode('&', $body) as $pair) {
        [$name, $value] = array_map(urldecode(...), explode('=', $pair, 2) + [1 => '']);
        if (isset($fields[$name]) || !preg_match('//u', $name . "\0" . $value)) {
            return null;
        }
        $fields[$name] = $value;
    }
    return $fields;
}

function binding(): Binding
{
    return Binding::fromSetting(getenv('BINDING_SECRET') ?: '', setting('OSS_ACCESS_KEY_SECRET'));
}

/**
 * From $_SERVER, where two headers of one name are joined with a comma. Not getallheaders(): PHP's
 * own server (8.2 at least) hands out freed memory there if two names differ in case only.
 *
 * @return list<array{string, string}>
 */
function request_headers(): array
{
    $authorization = $_SERVER['HTTP_AUTHORIZATION']
        ?? $_SERVER['REDIRECT_HTTP_AUTHORIZATION'] // the rewrite rule stands in an .htaccess
        ?? '';
    $headers = $authorization === '' ? [] : [['authorization', $authorization]];
    foreach (['x-oss-pub-key-url', 'x-oss-signature-version', 'content-md5'] as $name) {
        $value = $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? null;
        if ($value !== null) {
            $headers[] = [$name, $value];
        }
    }
    return $headers;
}

/**
 * The mistake that most people make, in words. The rewrite rule makes an empty header of none:
 * where there is not even that, the rule is missing. PHP's own server hands everything on.
 */
function hint(VerifyError $e): array
{
    $isLost = $e->reason === 'header-missing' && $e->header === 'authorization'
        && !isset($_SERVER['HTTP_AUTHORIZATION']) && PHP_SAPI !== 'cli-server';
    return $isLost ? [
        'hint' => 'the Authorization header did not arrive: Apache keeps it from PHP without '
            . '`RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]` or `CGIPassAuth On`',
    ] : [];
}

function database(): PDO
{
    $database = new PDO('sqlite:' . uploads_file(), options: [PDO::ATTR_TIMEOUT => 3]);
    $database->exec('CREATE TABLE IF NOT EXISTS uploads (id INTEGER PRIMARY KEY, bucket TEXT,
        object TEXT, etag TEXT, size INTEGER, mimeType TEXT, width INTEGER, height INTEGER,
        requestId TEXT UNIQUE, user TEXT)');
    return $database;
}

/** A callback may come twice: the same request id makes no second row. */
function keep_row(array $fields, ?string $user): void
{
    $text = fn (string $name) => $fields[$name] ?? '';
    $number = fn (string $name) => ctype_digit($text($name)) ? (int) $text($name) : null;
    $insert = database()->prepare('INSERT INTO uploads
        (bucket, object, etag, size, mimeType, width, height, requestId, user)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (requestId) DO NOTHING');
    $insert->execute([
        $text('bucket'), $text('object'), $text('etag'), $number('size'), $text('mimeType'),
        $number('width'), $number('height'), $text('requestId') ?: null, $user,
    ]);
}

function list_uploads(): never
{
    $rows = database()->query('SELECT object, size, mimeType, width, height, requestId, user
        FROM uploads ORDER BY id DESC LIMIT ' . MAX_ROWS)->fetchAll(PDO::FETCH_ASSOC);
    answer(200, ['uploads' => $rows], NOT_KEPT);
}

/** Ends the request. A Content-Length, as the storage server takes no answer in chunks. */
function answer(int $status, ?array $body, array $headers = []): never
{
    http_response_code($status);
    array_map(header(...), $headers);
    if ($body !== null) {
        $text = json($body);
        header('Content-Type: application/json');
        header('Content-Length: ' . strlen($text));
        echo $text;
    }
    exit;
}

/** With slashes as they are: `\/` is the same JSON, but not the same text. */
function json(array $value): string
{
    $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE;
    return json_encode($value, $flags | JSON_THROW_ON_ERROR);
}

function callback_url(): string
{
    return setting('CALLBACK_URL', 'http://127.0.0.1:' . setting('PORT', '3000') . '/callback');
}

function uploads_file(): string
{
    return setting('UPLOADS', dirname(__DIR__) . '/uploads.sqlite');
}

function setting(string $name, string $default = ''): string
{
    $value = getenv($name) ?: $default;
    return $value !== '' ? $value : throw new RuntimeException("the setting `$name` is missing");
}
