import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * An application server for direct uploads: it signs policies, and hears of each upload in a
 * callback whose signature it verifies. The JDK is all it needs.
 */
public final class AppServer {
    private static final String CALLBACK_BODY = "bucket=${bucket}&object=${object}&etag=${etag}"
            + "&size=${size}&mimeType=${mimeType}&height=${imageInfo.height}"
            + "&width=${imageInfo.width}&requestId=${reqId}&binding=";
    private static final Pattern USER = Pattern.compile("[a-z0-9_-]{1,32}");
    private static final Pattern OWN_PORT =
            Pattern.compile("http://(?:127\\.0\\.0\\.1|localhost):(\\d+)(?:[/?]|$)");
    private static final int MAX_UPLOAD_BYTES = 100 * 1024 * 1024;
    private static final int MAX_CALLBACK_BYTES = 1024 * 1024;
    private static final int MAX_THREADS = 512;

    private final String accessKeyId = setting("OSS_ACCESS_KEY_ID", null);
    private final String accessKeySecret = setting("OSS_ACCESS_KEY_SECRET", null);
    private final String host = setting("OSS_HOST", null);
    private final String bucket = setting("OSS_BUCKET", null);
    private final String callbackUrl;
    private final String target;
    private final Binding binding;
    private final CallbackVerifier verifier =
            new CallbackVerifier(setting("CALLBACK_KEY_URLS", ""));
    private final Uploads uploads = new Uploads(Path.of(setting("UPLOADS", "uploads.jsonl")));

    private AppServer(String callbackUrl) throws IOException, GeneralSecurityException {
        this.callbackUrl = callbackUrl;
        binding = Binding.fromSetting(setting("BINDING_SECRET", ""), accessKeySecret);
        URI parsed = URI.create(callbackUrl);
        if (parsed.getRawAuthority() == null) {
            throw new IllegalArgumentException("CALLBACK_URL is not http(s)://host/path");
        }
        String query = parsed.getRawQuery() == null ? "" : "?" + parsed.getRawQuery();
        target = (parsed.getRawPath().isEmpty() ? "/" : parsed.getRawPath()) + query;
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
                default -> exchange.sendResponseHeaders(405, -1);
            }
        } catch (IOException | GeneralSecurityException | RuntimeException e) {
            System.err.println("a request was not answered: " + e);
        }
    }

    private void get(HttpExchange exchange) throws IOException, GeneralSecurityException {
        exchange.getResponseHeaders().set("Cache-Control", "no-store");
        if (exchange.getRequestURI().getRawPath().equals("/uploads")) {
            answer(exchange, 200, "{\"uploads\":" + uploads.newest() + "}");
            return;
        }
        // A real application takes the user from its session, never from the request: whoever may
        // choose the name may write into that user's folder.
        String query = exchange.getRequestURI().getRawQuery();
        String user = form(query == null ? "" : query).getOrDefault("user", "guest");
        if (!USER.matcher(user).matches()) {
            answer(exchange, 400, Json.of(Map.of("error", Map.of(
                    "code", "InvalidUser",
                    "message", "user must be 1 to 32 characters of a-z, 0-9, _ and -"))));
            return;
        }
        answer(exchange, 200, Json.of(signPolicy(user)));
    }

    /** Allows uploads below the user's folder. The members' names are those of OSS's own samples. */
    private Map<String, Object> signPolicy(String user) throws GeneralSecurityException {
        String dir = "uploads/" + user + "/";
        Instant expires = Instant.now().plusSeconds(300).truncatedTo(ChronoUnit.SECONDS);
        String permitted = binding.make(new Binding.Permission(bucket, dir, null, user,
                expires.getEpochSecond() + Binding.GRACE_SECONDS));
        String callback = base64(Json.of(Map.of(
                "callbackUrl", callbackUrl,
                "callbackBody", CALLBACK_BODY + permitted,
                "callbackBodyType", "application/x-www-form-urlencoded")));
        String policy = base64(Json.of(Map.of(
                "expiration", expires, // prints as 2026-12-06T12:05:00Z
                "conditions", List.of(
                        List.of("eq", "$bucket", bucket),
                        List.of("starts-with", "$key", dir),
                        List.of("content-length-range", 0, MAX_UPLOAD_BYTES),
                        List.of("not-in", "$x-oss-object-acl",
                                List.of("public-read", "public-read-write")),
                        // Pinned: otherwise the page could send its file without the application
                        // hearing of it.
                        List.of("eq", "$callback", callback),
                        List.of("eq", "$success_action_status", "200")))));
        Mac mac = Mac.getInstance("HmacSHA1");
        mac.init(new SecretKeySpec(accessKeySecret.getBytes(StandardCharsets.UTF_8), "HmacSHA1"));
        // The base64 text is signed, not the document.
        byte[] signature = mac.doFinal(policy.getBytes(StandardCharsets.US_ASCII));
        return Map.of(
                "accessid", accessKeyId,
                "host", host,
                "policy", policy,
                "signature", Base64.getEncoder().encodeToString(signature),
                "expire", expires.getEpochSecond(),
                "callback", callback,
                "dir", dir);
    }

    private void post(HttpExchange exchange) throws IOException, GeneralSecurityException {
        // A URI that was parsed from text prints as that very text, so this is the raw target;
        // getPath() is decoded, and joining its parts again does not give what was sent.
        String sentTo = exchange.getRequestURI().toString();
        if (!sentTo.equals(target)) {
            answer(exchange, 404, "{\"Status\":\"not found\"}");
            return;
        }
        // Of two, the JDK's server takes the first and a proxy perhaps the other.
        if (exchange.getRequestHeaders().getOrDefault("Content-Length", List.of()).size() > 1) {
            answer(exchange, 400, "{\"Status\":\"two lengths\"}");
            return;
        }
        byte[] body = exchange.getRequestBody().readNBytes(MAX_CALLBACK_BYTES + 1);
        if (body.length > MAX_CALLBACK_BYTES) {
            answer(exchange, 413, "{\"Status\":\"body too long\"}");
            return;
        }
        try {
            verifier.verify("POST", sentTo, exchange.getRequestHeaders(), body);
        } catch (CallbackVerifier.Refused refused) {
            System.err.println("callback refused: " + refused.getMessage());
            // After a 503 upcall calls again later; after a 4xx it does not.
            int status = refused.getMessage().equals("key-unavailable") ? 503 : 400;
            answer(exchange, status, "{\"Status\":\"verify not ok\"}");
            return;
        }
        Map<String, String> form;
        Binding.Permission permitted;
        try {
            form = strictForm(body);
            permitted = binding.verify(form.get("binding"), form.get("bucket"), form.get("object"),
                    Instant.now().getEpochSecond());
        } catch (CharacterCodingException | IllegalArgumentException notUnderstood) {
            answer(exchange, 400, "{\"Status\":\"body not understood\"}");
            return;
        } catch (Binding.Refused refused) {
            System.err.println("callback refused: " + refused.getMessage());
            answer(exchange, 403, "{\"Status\":\"not permitted\"}");
            return;
        }
        uploads.add(form, permitted.user());
        answer(exchange, 200,
                "{\"Status\":\"OK\",\"object\":" + Json.of(form.get("object")) + "}");
    }

    /**
     * No field twice, of which one reader would take the first and the next the last; no bytes that
     * are no UTF-8, which URLDecoder would replace, and make another name of the object.
     */
    private static Map<String, String> strictForm(byte[] body) throws CharacterCodingException {
        Map<String, String> fields = new HashMap<>();
        String text = strictUtf8(body);
        for (String field : text.isEmpty() ? new String[0] : text.split("&", -1)) {
            String[] parts = field.split("=", 2);
            String name = decoded(parts[0]);
            if (fields.put(name, parts.length < 2 ? "" : decoded(parts[1])) != null) {
                throw new IllegalArgumentException("a field comes twice");
            }
        }
        return fields;
    }

    private static String decoded(String text) throws CharacterCodingException {
        // Byte by byte first, so that what is no UTF-8 is still there to be noticed.
        String bytes = URLDecoder.decode(
                new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1),
                StandardCharsets.ISO_8859_1);
        return strictUtf8(bytes.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static String strictUtf8(byte[] bytes) throws CharacterCodingException {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    }

    private static void answer(HttpExchange exchange, int status, String json) throws IOException {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        // The length, never 0: that means "in chunks", and the storage server refuses those.
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    /** Reads {@code a=1&b=2}, which has no members if a percent sign encodes nothing. */
    private static Map<String, String> form(String text) {
        Map<String, String> fields = new HashMap<>();
        for (String field : text.split("&")) {
            String[] parts = (field + "=").split("=", 3);
            try {
                fields.putIfAbsent(
                        URLDecoder.decode(parts[0], StandardCharsets.UTF_8),
                        URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
            } catch (IllegalArgumentException notEncoded) {
                return Map.of();
            }
        }
        return fields;
    }

    private static String base64(String text) {
        return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String setting(String name, String otherwise) {
        String value = System.getenv().getOrDefault(name, "");
        if (value.isEmpty() && otherwise == null) {
            throw new IllegalArgumentException("the environment variable " + name + " is not set");
        }
        return value.isEmpty() ? otherwise : value;
    }

    /**
     * Stands for the database of a real application: a file with a line of JSON for each upload.
     */
    static final class Uploads {
        /** A whole row, as Json writes it; the page may see all of it but bucket and etag. */
        private static final Pattern ROW = Pattern.compile(
                "\\{\"bucket\":\"[^\"]*\",\"etag\":\"[^\"]*\","
                + "(?<listed>\"object\":.*\"requestId\":\"(?<id>[^\"]*)\",\"size\":[^\"]*"
                + "\"width\":[^\"]*\"height\":[^\"]*\"user\":[^{}]+)\\}", Pattern.DOTALL);

        private final Path path;
        private final Deque<String> newest = new ArrayDeque<>();
        private final Set<String> requestIds = new HashSet<>();

        Uploads(Path path) throws IOException {
            this.path = path;
            append(""); // makes the file, or fails at once
            // Not readAllLines, which fails if a crash left half a character.
            String rows = new String(Files.readAllBytes(path), StandardCharsets.UTF_8);
            rows.lines().forEach(row -> remember(ROW.matcher(row)));
        }

        /** Returns when the row is on disk. */
        synchronized void add(Map<String, String> form, String user) throws IOException {
            Map<String, Object> members = new LinkedHashMap<>();
            for (String name : List.of("bucket", "etag", "object", "mimeType", "requestId")) {
                members.put(name, form.getOrDefault(name, ""));
            }
            for (String name : List.of("size", "width", "height")) {
                String value = form.getOrDefault(name, "");
                members.put(name, value.matches("-?\\d{1,18}") ? Long.valueOf(value) : null);
            }
            members.put("user", user);
            String json = Json.of(members);
            Matcher row = ROW.matcher(json);
            if (row.matches() && !requestIds.contains(row.group("id"))) {
                // The line break goes first: it ends what a crash or a full disk left half written.
                append("\n" + json);
                remember(row);
            }
        }

        private void append(String text) throws IOException {
            Files.writeString(path, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND,
                    StandardOpenOption.DSYNC);
        }

        private void remember(Matcher row) {
            if (row.matches() && (row.group("id").isEmpty() || requestIds.add(row.group("id")))) {
                newest.addFirst("{" + row.group("listed") + "}");
                if (newest.size() > 100) {
                    newest.removeLast();
                }
            }
        }

        synchronized String newest() {
            return "[" + String.join(",", newest) + "]";
        }
    }

    /** Starts the server. */
    public static void main(String[] arguments) {
        // In seconds. Without them the JDK's server waits for slow peers for ever, each in a
        // thread.
        System.setProperty("sun.net.httpserver.maxReqTime", "5");
        System.setProperty("sun.net.httpserver.maxRspTime", "20");
        try {
            // Without PORT, it listens where CALLBACK_URL says, if that is on this machine.
            Matcher own = OWN_PORT.matcher(setting("CALLBACK_URL", ""));
            int port = Integer.parseInt(setting("PORT", own.lookingAt() ? own.group(1) : "3000"));
            String callbackUrl = "http://127.0.0.1:" + port + "/callback";
            AppServer app = new AppServer(setting("CALLBACK_URL", callbackUrl));
            HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
            server.createContext("/", app::handle);
            // A thread for each request while its body comes; who sends it slowly has one for the five
            // seconds above. Beyond these, connections are closed unanswered.
            server.setExecutor(new ThreadPoolExecutor(
                    8, MAX_THREADS, 30, TimeUnit.SECONDS, new SynchronousQueue<>()));
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
        } catch (IOException | GeneralSecurityException e) {
            System.err.println("error: " + e);
            System.exit(1);
        }
    }
}
