import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.interfaces.RSAPublicKey;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;

/** Fetches keys, and what is none, from a server of its own. */
public final class PublicKeysTest {
    private static final String PEM = """
            -----BEGIN PUBLIC KEY-----
            MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs/JBGzwUB2aVht4crBx3oIPBLNsjGs
            C0fTXv+nvlmklvkcolvpvXLTjaxUHR3W9LXxQ2EHXAJfCB+6H2YF1k8CAwEAAQ==
            -----END PUBLIC KEY-----
            """;

    private static final String OTHER_PEM = """
            -----BEGIN PUBLIC KEY-----
            MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvTluNphBXwQkYINNmsKr
            whTd2QoxUrTGac21S9uNhlmlMbYz9h68YtAvlu0W14N3VtA0w96KTLSad1BBrzWx
            RwI5WE7FKGUf+E5jCT+Ek1Fod/Nj5C7J+cdimC9CxJGL9v1dKbT6IALFvcDyJyXs
            0EtR9dZM8yP5DA4xcupNvalpLH1ER28F/lf9KRcvsRZW/1023Xf3ygUxrxAzLT3f
            39GqtOP0z1sDT/9bY4n0gOUNGIT6/2CXk60DOhv7gkFmIhlCV4VIYYvEmvkkujgH
            c8wH7UyLpKZ06Ty2HE1oWd444lftW0VM3gIfAw5/u920DEHJmUuXuWickj4uyIow
            gQIDAQAB
            -----END PUBLIC KEY-----
            """;

    private final List<String> asked = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch released = new CountDownLatch(1);
    private final CallbackVerifier verifier = new CallbackVerifier("");
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HttpServer server;
    private int passed;
    private int failed;

    private PublicKeysTest() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.createContext("/", this::handle);
        server.setExecutor(threads);
        server.start();
    }

    private void handle(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        asked.add(path);
        try (exchange) {
            switch (path) {
                case "/elsewhere" -> {
                    exchange.getResponseHeaders().set("Location", "/good");
                    exchange.sendResponseHeaders(302, -1);
                }
                case "/long" -> answer(exchange, 200, PEM + "\n".repeat(16 * 1024));
                case "/drip" -> {
                    exchange.sendResponseHeaders(200, 10_000);
                    for (int i = 0; i < 100; i++) {
                        exchange.getResponseBody().write('-');
                        exchange.getResponseBody().flush();
                        Thread.sleep(100);
                    }
                }
                case "/created" -> answer(exchange, 201, PEM);
                case "/later" -> {
                    released.await();
                    answer(exchange, 503, "not now");
                }
                default -> answer(exchange, 200, path.equals("/good") ? PEM : "no key");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void answer(HttpExchange exchange, int status, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.US_ASCII);
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    private boolean hasKey(String path) {
        try {
            verifier.publicKey("http://127.0.0.1:" + server.getAddress().getPort() + path);
            return true;
        } catch (CallbackVerifier.Refused e) {
            return false;
        }
    }

    private void check(boolean isGood, String what) {
        passed += isGood ? 1 : 0;
        failed += isGood ? 0 : 1;
        if (!isGood) {
            System.out.println("not so: " + what);
        }
    }

    private void run() throws Exception {
        check(hasKey("/good") && hasKey("/good"), "a key is taken");
        check(asked.equals(List.of("/good")), "a key is kept");
        long began = System.nanoTime();
        for (String path : List.of("/elsewhere", "/long", "/drip", "/created", "/other")) {
            check(!hasKey(path), "no key is taken from " + path);
        }
        check(System.nanoTime() - began < 4_000_000_000L, "a slow server is not waited for");
        check(asked.stream().filter("/good"::equals).count() == 1, "no redirect is followed");

        List<Future<Boolean>> waiting = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            waiting.add(threads.submit(() -> hasKey("/later")));
        }
        Thread.sleep(200); // until all of them wait
        released.countDown();
        for (Future<Boolean> one : waiting) {
            check(!one.get(), "a failure is one for all who wait");
        }
        check(asked.stream().filter("/later"::equals).count() == 1, "one fetch serves them all");
        hasKey("/later");
        check(asked.stream().filter("/later"::equals).count() == 2, "a failure is not kept");

        learns();
        for (String entry : List.of("http://keys.example", "keys.example/", "http://*/k.pem",
                "http://k*/k.pem", "http://a/*/k.pem", "http://a/*-*.pem", "http://a@b/k.pem",
                "http://a/../", "http://a//", "ftp://a/k.pem", "/", "*")) {
            try {
                new CallbackVerifier(entry);
                check(false, "the setting " + entry + " is refused");
            } catch (IllegalArgumentException refused) {
                check(true, entry);
            }
        }
    }

    /** A server that was set up anew has another key under the old address. */
    private void learns() throws CallbackVerifier.Refused {
        var now = new AtomicLong();
        var served = new ArrayDeque<>(List.of(PEM, OTHER_PEM));
        var keys = new CallbackVerifier("") {
            @Override
            byte[] download(String url) throws IOException {
                if (served.isEmpty()) {
                    throw new IOException("nobody answers");
                }
                return served.remove().getBytes(StandardCharsets.US_ASCII);
            }

            @Override
            long nanoTime() {
                return now.get();
            }
        };
        String url = "http://a.example/k.pem";
        RSAPublicKey first = keys.publicKey(url);
        now.set(CallbackVerifier.RENEW_NANOS - 1);
        check(keys.renewedKey(url, first).isEmpty() && served.size() == 1, "within the minute");
        now.set(CallbackVerifier.RENEW_NANOS);
        RSAPublicKey second = keys.renewedKey(url, first).orElse(first);
        check(!second.equals(first) && keys.publicKey(url).equals(second), "the new key is learnt");
        check(keys.renewedKey(url, first).orElse(first).equals(second), "by all who wait");
        now.set(2 * CallbackVerifier.RENEW_NANOS);
        check(keys.renewedKey(url, second).isEmpty(), "without an answer there is no other");
        check(keys.publicKey(url).equals(second), "and the key stays");
    }

    /** Prints what fails, and at last how many did. */
    public static void main(String[] arguments) throws Exception {
        PublicKeysTest test = new PublicKeysTest();
        test.run();
        System.out.println(test.passed + " passed, " + test.failed + " failed");
        System.exit(test.failed == 0 ? 0 : 1);
    }
}
