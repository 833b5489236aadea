import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;

/** Writes rows, a torn one among them, and reads them again. */
public final class UploadsTest {
    private static void add(Path path, String object, String requestId) throws IOException {
        var uploads = new AppServer.Uploads(path);
        Map<String, String> form =
                Map.of("object", object, "requestId", requestId, "size", "5", "width", "");
        uploads.add(form, "eric");
        uploads.add(form, "eric");
    }

    /** Prints what fails, and at last how many did. */
    public static void main(String[] arguments) throws IOException {
        Path path = Files.createTempFile("uploads", ".jsonl");
        String listed;
        long rows;
        try {
            add(path, "a \"quoted\" \\ 猫", "1");
            // The machine went down while a row was being written.
            byte[] torn = "\n{\"bucket\":\"\",\"object\":\"猫".getBytes(StandardCharsets.UTF_8);
            Files.write(path, Arrays.copyOf(torn, torn.length - 1), StandardOpenOption.APPEND);
            add(path, "b", "2");
            add(path, "b again", "2");
            rows = Files.readString(path, StandardCharsets.ISO_8859_1).lines()
                    .filter(line -> line.startsWith("{") && line.endsWith("}"))
                    .count();
            listed = new AppServer.Uploads(path).newest();
        } finally {
            Files.delete(path);
        }
        String wanted = """
                [{"object":"b","mimeType":"","requestId":"2","size":5,"width":null,"height":null,\
                "user":"eric"},\
                {"object":"a \\u0022quoted\\u0022 \\u005c 猫","mimeType":"","requestId":"1",\
                "size":5,"width":null,"height":null,"user":"eric"}]""";
        boolean isGood = listed.equals(wanted) && rows == 2;
        if (!isGood) {
            System.out.println(rows + " rows in the file; listed: " + listed);
        }
        System.out.println((isGood ? 1 : 0) + " passed, " + (isGood ? 0 : 1) + " failed");
        System.exit(isGood ? 0 : 1);
    }
}
