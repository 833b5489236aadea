import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Makes what an upload page needs for posting a file straight to the bucket. */
final class PolicySigner {
    private final String accessKeyId;
    private final SecretKeySpec secret;
    private final String host;
    private final String callback;

    PolicySigner(String accessKeyId, String accessKeySecret, String host, String callbackUrl) {
        this.accessKeyId = accessKeyId;
        this.secret =
                new SecretKeySpec(accessKeySecret.getBytes(StandardCharsets.UTF_8), "HmacSHA1");
        this.host = host;
        this.callback = base64(Json.of(Map.of(
                "callbackUrl", callbackUrl,
                "callbackBody", "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}"
                        + "&mimeType=${mimeType}&height=${imageInfo.height}"
                        + "&width=${imageInfo.width}&requestId=${reqId}",
                "callbackBodyType", "application/x-www-form-urlencoded")));
    }

    /**
     * Allows uploads below {@code dir} until five minutes from now. The members' names are those of
     * OSS's own samples.
     */
    Map<String, Object> sign(String dir, Instant now) {
        Instant expires = now.plus(LIFE).truncatedTo(ChronoUnit.SECONDS);
        String policy = base64(Json.of(Map.of(
                "expiration", expires, // prints as 2026-12-06T12:05:00Z
                "conditions", List.of(
                        List.of("starts-with", "$key", dir),
                        List.of("content-length-range", 0, MAX_UPLOAD_BYTES),
                        // Pinned: otherwise the page could send its file without the application
                        // hearing of it.
                        List.of("eq", "$callback", callback),
                        List.of("eq", "$success_action_status", "200")))));
        Map<String, Object> signed = new LinkedHashMap<>();
        signed.put("accessid", accessKeyId);
        signed.put("host", host);
        signed.put("policy", policy);
        signed.put("signature", signature(policy));
        signed.put("expire", expires.getEpochSecond());
        signed.put("callback", callback);
        signed.put("dir", dir);
        return signed;
    }

    /** The base64 text is signed, not the document. */
    private String signature(String policy) {
        try {
            Mac mac = Mac.getInstance("HmacSHA1");
            mac.init(secret);
            byte[] sum = mac.doFinal(policy.getBytes(StandardCharsets.US_ASCII));
            return Base64.getEncoder().encodeToString(sum);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has HmacSHA1", e);
        }
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static final Duration LIFE = Duration.ofMinutes(5);
    private static final int MAX_UPLOAD_BYTES = 100 * 1024 * 1024;
}
