import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Runs the verifier over the table that the packages of all languages read. Its argument is the
 * table; {@code ./test} starts it.
 */
public final class VectorsTest {
    private final Map<?, ?> errors;
    private final Map<?, ?> keys;
    private final String keyUrls;

    private VectorsTest(Map<?, ?> table) {
        errors = (Map<?, ?>) table.get("errors");
        keys = (Map<?, ?>) table.get("keys");
        List<?> listed = (List<?>) table.get("keyUrls");
        keyUrls = listed.stream().map(String::valueOf).collect(Collectors.joining(" "));
    }

    /** Null if all is as the table says. */
    private String failure(Map<?, ?> request) throws GeneralSecurityException {
        Object error = request.get("error");
        String wanted = error == null ? "genuine" : (String) error;
        if (error != null && !errors.containsKey(error)) {
            return wanted + " is no code of the table";
        }
        List<String> fetched = new ArrayList<>();
        CallbackVerifier verifier = new CallbackVerifier(keyUrls) {
            @Override
            byte[] download(String url) {
                fetched.add(url);
                return String.valueOf(keys.get(url)).getBytes(StandardCharsets.US_ASCII);
            }
        };
        String got = "genuine";
        try {
            verifier.verify((String) request.get("method"), (String) request.get("target"),
                    headers(request), body(request));
        } catch (CallbackVerifier.Refused refused) {
            got = refused.getMessage();
        }
        if (!got.equals(wanted)) {
            return got + ", but it must be " + wanted;
        }
        boolean mayFetch = Set.of("genuine", "signature", "key-too-small", "key-unavailable")
                .contains(wanted);
        return fetched.isEmpty() == mayFetch ? "fetched " + fetched : null;
    }

    private static Map<String, List<String>> headers(Map<?, ?> request) {
        // By their names as they are spelled, so that the same name may stand there in two cases.
        Map<String, List<String>> headers = new LinkedHashMap<>();
        for (Object pair : (List<?>) request.get("headers")) {
            List<?> nameAndValue = (List<?>) pair;
            headers.computeIfAbsent((String) nameAndValue.get(0), name -> new ArrayList<>())
                    .add((String) nameAndValue.get(1));
        }
        return headers;
    }

    private static byte[] body(Map<?, ?> request) {
        return request.get("body") instanceof String text
                ? text.getBytes(StandardCharsets.UTF_8)
                : Base64.getDecoder().decode((String) request.get("bodyBase64"));
    }

    /** Prints what fails, and at last how many did. */
    public static void main(String[] arguments) throws Exception {
        Map<?, ?> table = (Map<?, ?>) new Reader(Files.readString(Path.of(arguments[0]))).read();
        VectorsTest test = new VectorsTest(table);
        List<?> cases = (List<?>) table.get("cases");
        int failed = 0;
        for (Object request : cases) {
            String failure = test.failure((Map<?, ?>) request);
            if (failure != null) {
                failed++;
                System.out.println(((Map<?, ?>) request).get("name") + ": " + failure);
            }
        }
        if (cases.size() < 79) {
            failed++;
            System.out.println("the table has " + cases.size() + " requests only");
        }
        System.out.println(cases.size() - failed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    /** Reads JSON, as far as the table has it: objects, lists, text, null. */
    private static final class Reader {
        private final String text;
        private int at;

        Reader(String text) {
            this.text = text;
        }

        Object read() {
            char first = next();
            if (first == '{') {
                Map<String, Object> object = new LinkedHashMap<>();
                while (peek() != '}') {
                    expect('"');
                    String name = readText();
                    expect(':');
                    object.put(name, read());
                    skipComma('}');
                }
                expect('}');
                return object;
            } else if (first == '[') {
                List<Object> list = new ArrayList<>();
                while (peek() != ']') {
                    list.add(read());
                    skipComma(']');
                }
                expect(']');
                return list;
            } else if (first == '"') {
                return readText();
            } else if (text.startsWith("null", at - 1)) {
                at += 3;
                return null;
            }
            throw new IllegalArgumentException("unexpected " + first + " at " + (at - 1));
        }

        private String readText() {
            StringBuilder read = new StringBuilder();
            for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
                if (c == '\\') {
                    c = text.charAt(at++);
                    if (c == 'u') {
                        c = (char) Integer.parseInt(text.substring(at, at + 4), 16);
                        at += 4;
                    } else {
                        int escape = "bfnrt".indexOf(c);
                        c = escape < 0 ? c : "\b\f\n\r\t".charAt(escape);
                    }
                }
                read.append(c);
            }
            return read.toString();
        }

        private char peek() {
            while (Character.isWhitespace(text.charAt(at))) {
                at++;
            }
            return text.charAt(at);
        }

        private char next() {
            char next = peek();
            at++;
            return next;
        }

        private void expect(char wanted) {
            if (next() != wanted) {
                throw new IllegalArgumentException("no " + wanted + " at " + (at - 1));
            }
        }

        private void skipComma(char end) {
            if (peek() != end) {
                expect(',');
            }
        }
    }
}
