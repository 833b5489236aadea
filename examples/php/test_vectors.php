<?php

/* Runs verify.php and binding.php over the tables that every language must judge alike, and keys.php. */

declare(strict_types=1);

require __DIR__ . '/binding.php';
require __DIR__ . '/keys.php';
require __DIR__ . '/verify.php';

$vectors = __DIR__ . '/../../crates/upcall/tests/vectors';
$table = json_decode(file_get_contents("$vectors/verify.json"), true, flags: JSON_THROW_ON_ERROR);
$keys = $table['keys'];

$passed = $failed = 0;
foreach ($table['cases'] as $case) {
    $verifier = new CallbackVerifier(
        new PublicKeyUrls(implode(' ', $case['keyUrls'] ?? $table['keyUrls'])),
        fn (string $url): ?string => $keys[$url] ?? null,
    );
    $body = $case['body'] ?? base64_decode($case['bodyBase64'], true);
    $error = null;
    try {
        $verifier->verify($case['method'], $case['target'], $case['headers'], $body);
    } catch (VerifyError $e) {
        $error = $e->reason;
    }
    if ($error === $case['error']) {
        $passed++;
        continue;
    }
    $failed++;
    $wanted = $case['error'] ?? 'genuine';
    echo "{$case['name']}: wanted $wanted, got ", $error ?? 'genuine', "\n";
}

// The documented vectors once more, from their own table and with the key that is printed there.
$documented = json_decode(file_get_contents("$vectors/callback-signature.json"), true);
$oss = $documented['oss_public_key'];
[$https] = array_values(preg_grep('~^https://~', $oss['urls']));
$verifier = new CallbackVerifier(new PublicKeyUrls(), fn (): string => $oss['pem']);
foreach ($documented['cases'] as $case) {
    $headers = [
        ['authorization', $case['authorization']],
        ['x-oss-pub-key-url', base64_encode($https)],
    ];
    try {
        $verifier->verify('POST', $case['request_target'], $headers, $case['body']);
        $verifies = true;
    } catch (VerifyError) {
        $verifies = false;
    }
    if ($verifies === $case['verifies']) {
        $passed++;
        continue;
    }
    $failed++;
    echo "{$case['name']}: wanted ", var_export($case['verifies'], true), "\n";
}

function compare(string $name, mixed $wanted, mixed $got): void
{
    global $passed, $failed;
    if ($wanted === $got) {
        $passed++;
        return;
    }
    $failed++;
    echo "$name: wanted ", json_encode($wanted), ', got ', json_encode($got), "\n";
}

$bindings = json_decode(file_get_contents("$vectors/binding.json"), true);
foreach ($bindings['make'] as $row) {
    compare($row['name'], $row['token'], (new Binding([$row['secret']]))->make($row['permission']));
}
foreach ($bindings['verify'] as $row) {
    try {
        $binding = new Binding($row['secrets']);
        $got = $binding->verify($row['token'], $row['bucket'], $row['object'], $row['now']);
        ksort($got);
    } catch (BindingError $e) {
        $got = $e->getMessage();
    }
    if (is_array($row['result'])) {
        ksort($row['result']);
    }
    compare($row['name'], $row['result'], $got);
}
compare('the grace', $bindings['grace'], Binding::GRACE_SECONDS);
try {
    $got = Binding::fromSetting('aaaaaaaaaaaaaaa', 'sk');
} catch (InvalidArgumentException) {
    $got = 'refused';
}
compare('a short secret', 'refused', $got);

// A server that was set up anew has another key under the old address. It is a file here: what keeps
// keys goes by the times of its files, which are set back.
$folder = sys_get_temp_dir() . '/upcall-keys-' . getmypid();
mkdir($folder, 0700);
$server = stream_socket_server('tcp://127.0.0.1:0');
$url = 'http://' . stream_socket_get_name($server, false) . '/k.pem';
$kept = "$folder/" . hash('sha256', $url) . '.pem';
$answers = function (string $key) use ($server): void {
    $length = strlen($key);
    if (pcntl_fork() === 0) {
        $connection = stream_socket_accept($server, 5);
        fread($connection, 8192);
        fwrite($connection, "HTTP/1.0 200 OK\r\nContent-Length: $length\r\n\r\n$key");
        fclose($connection);
        posix_kill(getmypid(), SIGKILL); // without what runs at the end of a script
    }
};
[$one, $two] = ["-----BEGIN PUBLIC KEY-----\n1", "-----BEGIN PUBLIC KEY-----\n2"];
$answers($one);
compare('a key is fetched', $one, kept_key($folder, $url));
compare('it is not asked for within the minute', null, renewed_key($folder, $url, $one));
touch($kept, time() - RENEW_SECONDS);
$answers($two);
compare('another key is learnt', $two, renewed_key($folder, $url, $one));
compare('and kept', $two, kept_key($folder, $url));
compare('for whom it comes late, too', $two, renewed_key($folder, $url, $one));
touch($kept, time() - RENEW_SECONDS);
file_put_contents("$kept.asked", (string) (time() - RENEW_SECONDS));
fclose($server);
compare('without an answer there is no other', null, renewed_key($folder, $url, $two));
compare('and the kept one stays', $two, kept_key($folder, $url));
array_map(unlink(...), glob("$folder/*"));
rmdir($folder);

echo "$passed passed, $failed failed\n";
exit($failed === 0 && $passed >= 180 ? 0 : 1);
