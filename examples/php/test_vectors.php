<?php

/* Runs verify.php over the table of requests that every language must judge alike. */

declare(strict_types=1);

require __DIR__ . '/verify.php';

$vectors = __DIR__ . '/../../crates/upcall/tests/vectors';
$table = json_decode(file_get_contents("$vectors/verify.json"), true, flags: JSON_THROW_ON_ERROR);
$keys = $table['keys'];
$verifier = new CallbackVerifier(
    new PublicKeyUrls(implode(' ', $table['keyUrls'])),
    fn (string $url): ?string => $keys[$url] ?? null,
);

$passed = $failed = 0;
foreach ($table['cases'] as $case) {
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
$verifier = new CallbackVerifier(new PublicKeyUrls(), fn (): string => $oss['pem']);
foreach ($documented['cases'] as $case) {
    $headers = [
        ['authorization', $case['authorization']],
        ['x-oss-pub-key-url', base64_encode($oss['urls'][0])],
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

echo "$passed passed, $failed failed\n";
exit($failed === 0 && $passed > 0 ? 0 : 1);
