import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.SignatureException;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Tells whether the storage server sent a request. */
class CallbackVerifier {
    /** What is wrong with a callback, in a word. */
    @SuppressWarnings("serial")
    static final class Refused extends Exception {
        Refused(String code) {
            super(code);
        }
    }

    /** No user-info, backslash, percent sign, query, fragment, {@code //} or {@code ..}. */
    private static final Pattern PLAIN_URL =
            Pattern.compile("https?://[\\w.:\\[\\]-]++(?:/[\\w~-][\\w.~-]*+)++");
    private static final Pattern KEY_URL_ENTRY = Pattern.compile(
            "https?://[\\w.:\\[\\]-]++(/[\\w~-][\\w.~-]*)*/[\\w.~-]*\\*?[\\w.~-]*");
    private static final Pattern OSS_KEY_URL =
            Pattern.compile("https?://gosspublic\\.alicdn\\.com/callback_pub_key_v1\\.pem");
    private static final Pattern PEM = Pattern.compile(
            "-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----");
    private static final int MAX_URL_CHARS = 1024; // Pattern recurses: a long text takes much stack
    private static final int MAX_KEY_BYTES = 16 * 1024;
    static final long RENEW_NANOS = TimeUnit.MINUTES.toNanos(1);

    /**
     * A request says where its key is, so whoever controls that address decides which signatures
     * are good.
     */
    private final List<Pattern> allowed = new ArrayList<>();

    /** By address. */
    private final Map<String, FutureTask<RSAPublicKey>> keys = new ConcurrentHashMap<>();

    /** When an address was asked last, in nanoseconds; guarded by itself. */
    private final Map<String, Long> asked = new HashMap<>();

    /**
     * By host, as many as may be at once: a stranger may name as many addresses as he likes below
     * an allowed one, each would hold a thread of the server's, and a host that does not answer
     * must not hold up another.
     */
    private final Map<String, Semaphore> fetches = new ConcurrentHashMap<>();

    private final HttpClient client = HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NEVER) // they could lead anywhere
            .version(HttpClient.Version.HTTP_1_1)
            .build();

    /**
     * Takes addresses of keys with spaces or commas between them, and no others count. A final
     * {@code /} stands for all below it, a {@code *} after the last {@code /} for letters, digits
     * and {@code -}, and {@code oss} for OSS's own address, which also counts if nothing is given.
     */
    CallbackVerifier(String keyUrls) {
        String listed = keyUrls.replace(',', ' ').trim();
        for (String each : (listed.isEmpty() ? "oss" : listed).split("\\s+")) {
            // Not by http: who is on the way could put a key there.
            String entry = each.equals("oss") ? "https://gosspublic.alicdn.com/" : each;
            if (!KEY_URL_ENTRY.matcher(entry).matches()) {
                throw new IllegalArgumentException("CALLBACK_KEY_URLS: `" + entry + "` is not of"
                        + " the form http(s)://host/path in plain characters, with / at its end or"
                        + " one * after its last /");
            }
            String pattern = Pattern.quote(entry).replace("*", "\\E[A-Za-z0-9-]+\\Q");
            allowed.add(Pattern.compile(entry.endsWith("/") ? pattern + ".+" : pattern));
        }
    }

    /**
     * Returns if the request is genuine.
     *
     * @param target path and query as they were sent: neither decoded nor parsed
     * @param headers names of any case, each with its values
     * @param body the bytes as they were sent: {@code getParameter} and its like have eaten them
     */
    void verify(String method, String target, Map<String, List<String>> headers, byte[] body)
            throws Refused, GeneralSecurityException {
        check(method.equals("POST"), "method");
        // The path is signed decoded, with `?` and a line feed as marks behind it: were they
        // allowed in it, `/a%3Fb` would carry the signature of `/a?b`. A fragment is never sent:
        // servers differ in whether they hand it on.
        int mark = target.indexOf('?') < 0 ? target.length() : target.indexOf('?');
        String path = percentDecode(target.substring(0, mark));
        check(path.matches("/[^?\\n]*+") && target.matches("[^#\\n]*+"), "target");

        Optional<String> keyHeader = one(headers, "x-oss-pub-key-url");
        check(keyHeader.isPresent(), "header-missing");
        String keyUrl = latin1(strictBase64(keyHeader.get(), "key-url"));
        // Compared as text, before any parser has its own idea of where the host ends.
        check(keyUrl.length() <= MAX_URL_CHARS && PLAIN_URL.matcher(keyUrl).matches()
                && allowed.stream().anyMatch(url -> url.matcher(keyUrl).matches()), "key-url");
        Optional<String> authorization = one(headers, "authorization");
        check(authorization.isPresent(), "header-missing");
        byte[] signature = strictBase64(authorization.get(), "header-not-base64");
        check(one(headers, "x-oss-signature-version").orElse("1.0").equals("1.0"),
                "signature-version");
        Optional<String> digest = one(headers, "content-md5");
        if (digest.isPresent()) {
            byte[] sum = MessageDigest.getInstance("MD5").digest(body);
            check(Arrays.equals(strictBase64(digest.get(), "header-not-base64"), sum), "digest");
        }

        byte[] signed = concat(path.getBytes(StandardCharsets.ISO_8859_1),
                (target.substring(mark) + "\n").getBytes(StandardCharsets.UTF_8), body);
        RSAPublicKey key = publicKey(keyUrl);
        try {
            checkSignature(key, keyUrl, signed, signature);
        } catch (Refused refused) {
            // The storage server may have another key by now.
            checkSignature(renewedKey(keyUrl, key).orElseThrow(() -> refused), keyUrl, signed,
                    signature);
        }
    }

    private static void checkSignature(RSAPublicKey key, String url, byte[] signed, byte[] signature)
            throws Refused, GeneralSecurityException {
        // OSS's own key has 512 bits. So small a key can be factored for the price of a meal, so it
        // is taken from that address only.
        int leastBits = OSS_KEY_URL.matcher(url).matches() ? 512 : 1024;
        check(key.getModulus().bitLength() >= leastBits, "key-too-small");
        // The JDK's own provider takes such keys, and MD5: `jdk.certpath.disabledAlgorithms` is
        // about certificates only.
        Signature verifier = Signature.getInstance("MD5withRSA");
        verifier.initVerify(key);
        verifier.update(signed);
        try {
            check(verifier.verify(signature), "signature");
        } catch (SignatureException tooLongOrTooShort) {
            throw new Refused("signature");
        }
    }

    private static byte[] concat(byte[]... parts) {
        var all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    private static void check(boolean isGood, String code) throws Refused {
        if (!isGood) {
            throw new Refused(code);
        }
    }

    /**
     * Of two, most frameworks' {@code getHeader} takes the first; a proxy may take the other. CGI and
     * what descends from it read {@code _} as {@code -}: a header spelled so is another one, but
     * beside the right one it makes two.
     */
    private static Optional<String> one(Map<String, List<String>> headers, String name)
            throws Refused {
        long count = headers.entrySet().stream()
                .filter(header -> name.equalsIgnoreCase(header.getKey().replace('_', '-')))
                .mapToLong(header -> header.getValue().size())
                .sum();
        check(count <= 1, "header-twice");
        return headers.entrySet().stream()
                .filter(header -> name.equalsIgnoreCase(header.getKey()))
                .map(header -> header.getValue().get(0))
                .findFirst();
    }

    /** Base64 that could not have been written otherwise: Java's decoder does without padding. */
    private static byte[] strictBase64(String text, String code) throws Refused {
        try {
            byte[] data = Base64.getDecoder().decode(text);
            check(Base64.getEncoder().encodeToString(data).equals(text), code);
            return data;
        } catch (IllegalArgumentException notBase64) {
            throw new Refused(code);
        }
    }

    /**
     * Gives a char for each byte, as they need not be UTF-8. A {@code +} stays, and so does a
     * {@code %} that encodes nothing; {@code URLDecoder} makes a space of the one and fails at the
     * other.
     */
    private static String percentDecode(String text) {
        return Pattern.compile("%([0-9A-Fa-f]{2})")
                .matcher(latin1(text.getBytes(StandardCharsets.UTF_8)))
                .replaceAll(octet -> Matcher.quoteReplacement(
                        String.valueOf((char) HexFormat.fromHexDigits(octet.group(1)))));
    }

    private static String latin1(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /**
     * Fetches each key once, however many wait for it. What failed is not kept: the next request
     * tries again, and nobody can fill the map with addresses of his own.
     */
    RSAPublicKey publicKey(String url) throws Refused {
        var task = keys.computeIfAbsent(url, u -> new FutureTask<>(() -> ask(u)));
        task.run(); // only the first time
        try {
            return task.get();
        } catch (ExecutionException | InterruptedException unavailable) {
            keys.remove(url, task);
            throw new Refused("key-unavailable");
        }
    }

    /**
     * The key that lies at the address now, if it is another than {@code stale}, by which a signature
     * did not fit: a server that was set up anew has another one there. Forgeries lead here, too, so
     * it asks once a minute at most, and without an answer the old key stays.
     */
    synchronized Optional<RSAPublicKey> renewedKey(String url, RSAPublicKey stale) throws Refused {
        RSAPublicKey known = publicKey(url);
        if (!known.equals(stale)) {
            return Optional.of(known);
        }
        synchronized (asked) {
            if (nanoTime() - asked.getOrDefault(url, nanoTime()) < RENEW_NANOS) {
                return Optional.empty();
            }
        }
        var task = new FutureTask<>(() -> ask(url));
        task.run();
        try {
            RSAPublicKey key = task.get();
            keys.put(url, task);
            return key.equals(stale) ? Optional.empty() : Optional.of(key);
        } catch (ExecutionException | InterruptedException unavailable) {
            return Optional.empty();
        }
    }

    private RSAPublicKey ask(String url) throws Exception {
        synchronized (asked) {
            asked.keySet().retainAll(keys.keySet()); // what failed is not kept
            asked.put(url, nanoTime());
        }
        return parse(download(url));
    }

    long nanoTime() {
        return System.nanoTime();
    }

    /** Takes two seconds at most. */
    byte[] download(String url) throws Exception {
        Semaphore places = fetches.computeIfAbsent(url.split("/")[2], host -> new Semaphore(8));
        if (!places.tryAcquire()) {
            throw new IOException("too many keys are being fetched");
        }
        try {
            return get(url);
        } finally {
            places.release();
        }
    }

    private byte[] get(String url) throws Exception {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        var bounded = BodyHandlers.ofByteArrayConsumer(part -> part.ifPresent(bytes -> {
            if (body.size() + bytes.length > MAX_KEY_BYTES) {
                throw new UncheckedIOException(new IOException("longer than a key"));
            }
            body.writeBytes(bytes);
        }));
        var fetching = client.sendAsync(HttpRequest.newBuilder(URI.create(url)).build(), bounded);
        try {
            // HttpRequest.timeout() would end with the head of the answer, whatever its body takes.
            int status = fetching.get(2, TimeUnit.SECONDS).statusCode();
            if (status != 200) {
                throw new IOException("status " + status);
            }
            return body.toByteArray();
        } finally {
            fetching.cancel(true); // hangs up, if it is not over
        }
    }

    private static RSAPublicKey parse(byte[] pem) throws GeneralSecurityException {
        Matcher block = PEM.matcher(latin1(pem));
        if (!block.find()) {
            throw new GeneralSecurityException("no public key in PEM");
        }
        byte[] der = Base64.getMimeDecoder().decode(block.group(1));
        return (RSAPublicKey)
                KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der));
    }
}
