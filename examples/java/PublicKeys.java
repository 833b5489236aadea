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
import java.security.interfaces.RSAPublicKey;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Fetches public keys and keeps them: a key does not change under its address. */
final class PublicKeys implements CallbackVerifier.KeyFetcher {
    private final Map<String, RSAPublicKey> kept = new ConcurrentHashMap<>();
    private final Map<String, FutureTask<RSAPublicKey>> underWay = new ConcurrentHashMap<>();

    /** A redirect could lead anywhere. */
    private final HttpClient client = HttpClient.newBuilder()
            .followRedirects(HttpClient.Redirect.NEVER)
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(TIMEOUT)
            .build();

    /**
     * Requests that want the same key share one fetch. What failed is not kept: the next request
     * tries again.
     */
    @Override
    public RSAPublicKey fetch(String url) throws IOException, GeneralSecurityException {
        RSAPublicKey key = kept.get(url);
        if (key != null) {
            return key;
        }
        FutureTask<RSAPublicKey> mine = new FutureTask<>(() -> keep(url, parse(download(url))));
        FutureTask<RSAPublicKey> first = underWay.putIfAbsent(url, mine);
        try {
            if (first == null) {
                mine.run();
            }
            return (first == null ? mine : first).get();
        } catch (ExecutionException e) {
            throw new IOException("the key cannot be had", e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            underWay.remove(url, mine);
        }
    }

    private RSAPublicKey keep(String url, RSAPublicKey key) {
        if (kept.size() >= MAX_KEYS) {
            kept.clear();
        }
        kept.put(url, key);
        return key;
    }

    private byte[] download(String url) throws IOException, InterruptedException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        var bounded = BodyHandlers.ofByteArrayConsumer(part -> part.ifPresent(bytes -> {
            if (body.size() + bytes.length > MAX_BYTES) {
                throw new UncheckedIOException(new IOException("longer than a key"));
            }
            body.writeBytes(bytes);
        }));
        var fetching = client.sendAsync(HttpRequest.newBuilder(URI.create(url)).build(), bounded);
        try {
            // HttpRequest.timeout() would end with the head of the answer, whatever its body takes.
            int status = fetching.get(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS).statusCode();
            if (status != 200) {
                throw new IOException("status " + status);
            }
            return body.toByteArray();
        } catch (ExecutionException e) {
            throw new IOException(e.getCause());
        } catch (TimeoutException e) {
            throw new IOException("it takes too long", e);
        } finally {
            fetching.cancel(true); // hangs up, if it is not over
        }
    }

    /** Reads {@code -----BEGIN PUBLIC KEY-----}. */
    static RSAPublicKey parse(byte[] pem) throws GeneralSecurityException {
        Matcher block = PEM.matcher(new String(pem, StandardCharsets.ISO_8859_1));
        if (!block.find()) {
            throw new InvalidKeySpecException("no public key in PEM");
        }
        byte[] der = Base64.getMimeDecoder().decode(block.group(1));
        // Throws for less than 512 bits.
        var key = (RSAPublicKey) KeyFactory.getInstance("RSA")
                .generatePublic(new X509EncodedKeySpec(der));
        if (key.getModulus().bitLength() > MAX_BITS) {
            throw new InvalidKeySpecException("longer than any key in use");
        }
        return key;
    }

    private static final Pattern PEM = Pattern.compile(
            "-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----");

    private static final Duration TIMEOUT = Duration.ofSeconds(2);
    private static final int MAX_BITS = 4096;
    private static final int MAX_BYTES = 16 * 1024;
    private static final int MAX_KEYS = 64;
}
