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
    private final List<?> keyUrls;

    private VectorsTest(Map<?, ?> table) {
        errors = (Map<?, ?>) table.get("errors");
        keys = (Map<?, ?>) table.get("keys");
        keyUrls = (List<?>) table.get("keyUrls");
    }

    /** Null if all is as the table says. */
    private String failure(Map<?, ?> request) throws GeneralSecurityException {
        Object error = request.get("error");
        String wanted = error == null ? "genuine" : (String) error;
        if (error != null && !errors.containsKey(error)) {
            return wanted + " is no code of the table";
        }
        List<String> fetched = new ArrayList<>();
        List<?> listed = request.get("keyUrls") instanceof List<?> own ? own : keyUrls;
        String setting = listed.stream().map(String::valueOf).collect(Collectors.joining(" "));
        CallbackVerifier verifier = new CallbackVerifier(setting) {
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
        Map<?, ?> table = (Map<?, ?>) Json.read(Files.readString(Path.of(arguments[0])));
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
        if (cases.size() < 93) {
            failed++;
            System.out.println("the table has " + cases.size() + " requests only");
        }
        System.out.println(cases.size() - failed + " passed, " + failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }
}
