import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An application server for direct uploads: it signs policies, and hears of each upload in a
 * callback whose signature it verifies. The JDK is all it needs.
 */
public final class AppServer {
    private final PolicySigner policies;
    private final CallbackVerifier verifier;
    private final PublicKeys keys = new PublicKeys();
    private final Uploads uploads;

    /** Path and query of CALLBACK_URL: where callbacks come to. */
    private final String target;

    private AppServer(String port) throws IOException {
        String callbackUrl = setting("CALLBACK_URL", "http://127.0.0.1:" + port + "/callback");
        policies = new PolicySigner(
                needed("OSS_ACCESS_KEY_ID"),
                needed("OSS_ACCESS_KEY_SECRET"),
                needed("OSS_HOST"),
                callbackUrl);
        target = targetOf(callbackUrl);
        verifier = new CallbackVerifier(new KeyUrls(setting("CALLBACK_KEY_URLS", "")));
        uploads = new Uploads(Path.of(setting("UPLOADS", "uploads.jsonl")));
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            exchange.getResponseHeaders().set("Access-Control-Allow-Origin", "*");
            switch (exchange.getRequestMethod()) {
                case "GET" -> get(exchange);
                case "POST" -> post(exchange);
                case "OPTIONS" -> {
                    exchange.getResponseHeaders().set("Access-Control-Allow-Methods", "GET, POST");
                    exchange.getResponseHeaders().set("Access-Control-Allow-Headers", "*");
                    exchange.sendResponseHeaders(204, -1);
                }
                default -> {
                    exchange.getResponseHeaders().set("Allow", "GET, POST, OPTIONS");
                    answer(exchange, 405, Map.of("Status", "method not allowed"));
                }
            }
        } catch (IOException | RuntimeException e) {
            System.err.println("a request was not answered: " + e);
        }
    }

    private void get(HttpExchange exchange) throws IOException {
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        String path = exchange.getRequestURI().getRawPath();
        if (path.equals("/uploads")) {
            answer(exchange, 200, Map.of("uploads", uploads.newest()));
            return;
        }
        // A real application takes the user from its session, never from the request: whoever may
        // choose the name may write into that user's folder.
        String user;
        try {
            user = form(exchange.getRequestURI().getRawQuery()).getOrDefault("user", "guest");
        } catch (IllegalArgumentException notEncoded) {
            user = "";
        }
        if (!USER.matcher(user).matches()) {
            answer(exchange, 400, Map.of("error", Map.of(
                    "code", "InvalidUser",
                    "message", "user must be 1 to 32 characters of a-z, 0-9, _ and -")));
            return;
        }
        answer(exchange, 200, policies.sign("uploads/" + user + "/", Instant.now()));
    }

    private void post(HttpExchange exchange) throws IOException {
        // A URI that was parsed from text prints as that very text, so this is the raw target;
        // getPath() is decoded, and joining its parts again does not give what was sent.
        String sentTo = exchange.getRequestURI().toString();
        if (!sentTo.equals(target)) {
            answer(exchange, 404, Map.of("Status", "not found"));
            return;
        }
        // The raw bytes are what was signed.
        byte[] body = exchange.getRequestBody().readNBytes(MAX_CALLBACK_BYTES + 1);
        if (body.length > MAX_CALLBACK_BYTES) {
            answer(exchange, 413, Map.of("Status", "body too long"));
            return;
        }
        try {
            verifier.verify("POST", sentTo, exchange.getRequestHeaders(), body, keys);
        } catch (CallbackVerifier.Refused refused) {
            System.err.println("callback refused: " + refused.code);
            answer(exchange, 400, Map.of("Status", "verify not ok"));
            return;
        }
        Map<String, String> callback;
        try {
            callback = form(new String(body, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException notEncoded) {
            callback = Map.of();
        }
        String object = callback.getOrDefault("object", "");
        if (object.isEmpty()) {
            System.err.println("callback refused: its body names no object");
            answer(exchange, 400, Map.of("Status", "body not understood"));
            return;
        }
        try {
            uploads.add(callback);
        } catch (IOException e) {
            System.err.println("an upload could not be kept: " + e);
            answer(exchange, 500, Map.of("Status", "not stored"));
            return;
        }
        Map<String, Object> ok = new LinkedHashMap<>();
        ok.put("Status", "OK");
        ok.put("object", object);
        answer(exchange, 200, ok);
    }

    private static void answer(HttpExchange exchange, int status, Object value) throws IOException {
        byte[] body = Json.of(value).getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(status, -1);
            return;
        }
        // The length, never 0: that means "in chunks", and the storage server refuses those.
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    /**
     * Reads {@code a=1&b=2}; of a name that comes twice, the first counts.
     *
     * @throws IllegalArgumentException if a percent sign encodes nothing
     */
    private static Map<String, String> form(String text) {
        Map<String, String> fields = new LinkedHashMap<>();
        for (String field : (text == null ? "" : text).split("&")) {
            String[] parts = field.split("=", 2);
            String value = parts.length == 2 ? parts[1] : "";
            fields.putIfAbsent(
                    URLDecoder.decode(parts[0], StandardCharsets.UTF_8),
                    URLDecoder.decode(value, StandardCharsets.UTF_8));
        }
        return fields;
    }

    /** Path and query of an address, as the storage server sends them. */
    private static String targetOf(String address) {
        Matcher parts = CALLBACK_ADDRESS.matcher(address);
        if (!parts.matches()) {
            throw new IllegalArgumentException(
                    "CALLBACK_URL is not of the form http(s)://host/path in ASCII, without a"
                            + " fragment");
        }
        return parts.group(1).startsWith("/") ? parts.group(1) : "/" + parts.group(1);
    }

    private static String setting(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static String needed(String name) {
        String value = setting(name, "");
        if (value.isEmpty()) {
            throw new IllegalArgumentException("the environment variable " + name + " is not set");
        }
        return value;
    }

    /** Starts the server. */
    public static void main(String[] arguments) {
        // In seconds. Without them the JDK's server waits for slow peers for ever, each in a
        // thread.
        System.setProperty("sun.net.httpserver.maxReqTime", "5");
        System.setProperty("sun.net.httpserver.maxRspTime", "20");
        System.setProperty("sun.net.httpserver.idleInterval", "30");
        try {
            String port = setting("PORT", "3000");
            AppServer app = new AppServer(port);
            HttpServer server = listen(port);
            server.createContext("/", app::handle);
            server.setExecutor(Executors.newFixedThreadPool(THREADS));
            server.start();
            // Without halt, Java ends with status 143 on SIGTERM.
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                server.stop(1); // callbacks under way get a second to be answered
                Runtime.getRuntime().halt(0);
            }));
            System.out.println("ready: http://127.0.0.1:" + port + "/");
        } catch (IllegalArgumentException e) {
            System.err.println("error: " + e.getMessage());
            System.exit(1);
        } catch (IOException e) {
            System.err.println("error: " + e);
            System.exit(1);
        }
    }

    private static HttpServer listen(String port) throws IOException {
        try {
            InetAddress loopback = InetAddress.getByName("127.0.0.1");
            return HttpServer.create(new InetSocketAddress(loopback, Integer.parseInt(port)), 0);
        } catch (IllegalArgumentException noPort) {
            throw new IllegalArgumentException("PORT is not a number from 1 to 65535", noPort);
        } catch (BindException e) {
            throw new IOException("port " + port + " cannot be listened at", e);
        }
    }

    private static final Pattern USER = Pattern.compile("[a-z0-9_-]{1,32}");
    private static final Pattern CALLBACK_ADDRESS =
            Pattern.compile("https?://[!\"$-.0->@-~]+([/?][!\"$-~]*|)");

    /** A callback has some hundred bytes. */
    private static final int MAX_CALLBACK_BYTES = 1024 * 1024;

    /** Each reads one request at a time, head and body, for as long as maxReqTime lets it. */
    private static final int THREADS = 64;
}
