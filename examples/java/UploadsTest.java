import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/** Writes rows, a torn one among them, and reads them again. */
public final class UploadsTest {
    private static void add(Path path, String object, String requestId) throws IOException {
        Uploads uploads = new Uploads(path);
        Map<String, String> form =
                Map.of("object", object, "requestId", requestId, "size", "5", "width", "");
        uploads.add(form);
        uploads.add(form);
    }

    /** Prints what fails, and at last how many did. */
    public static void main(String[] arguments) throws IOException {
        Path path = Files.createTempFile("uploads", ".jsonl");
        String listed;
        try {
            add(path, "a \"quoted\" \\ 猫", "1");
            // The machine went down while a row was being written.
            String torn = "{\"bucket\":\"photos\",\"object\":\"torn";
            Files.writeString(path, torn, StandardOpenOption.APPEND);
            add(path, "b", "2");
            add(path, "b again", "2");
            listed = Json.of(new Uploads(path).newest());
        } finally {
            Files.delete(path);
        }
        String wanted = """
                [{"object":"b","size":5,"mimeType":"","width":null,"height":null,"requestId":"2"},\
                {"object":"a \\u0022quoted\\u0022 \\\\ 猫","size":5,"mimeType":"","width":null,\
                "height":null,"requestId":"1"}]""";
        boolean isGood = listed.equals(wanted);
        if (!isGood) {
            System.out.println(listed);
        }
        System.out.println((isGood ? 1 : 0) + " passed, " + (isGood ? 0 : 1) + " failed");
        System.exit(isGood ? 0 : 1);
    }
}
