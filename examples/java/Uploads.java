import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Keeps a row of each upload: in a file, a line of JSON each. It stands for the database that a
 * real application has.
 */
final class Uploads {
    private final FileChannel file;
    private final Deque<Map<String, Json.Raw>> newestFirst = new ArrayDeque<>();
    private final Set<String> requestIds = new HashSet<>();

    /** The file may end in the middle of a line. */
    private boolean isTorn;

    Uploads(Path path) throws IOException {
        file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        String text = new String(Files.readAllBytes(path), StandardCharsets.UTF_8);
        int number = 0;
        for (String line : text.split("\n")) {
            number++;
            Matcher row = ROW.matcher(line);
            if (row.matches()) {
                remember(row);
            } else if (!line.isEmpty()) {
                // It was being written when the machine went down, so nobody was told of it.
                System.err.println(path + ", line " + number + ", is no upload and is passed over");
            }
        }
        isTorn = !text.isEmpty() && !text.endsWith("\n");
    }

    /** Returns when the row is on disk. A callback may come twice, so a request id counts once. */
    synchronized void add(Map<String, String> form) throws IOException {
        Map<String, Object> members = new LinkedHashMap<>();
        TEXTS.forEach(name -> members.put(name, form.getOrDefault(name, "")));
        NUMBERS.forEach(name -> members.put(name, number(form.get(name))));
        String json = Json.of(members);
        Matcher row = ROW.matcher(json);
        if (!row.matches()) {
            throw new IllegalStateException("a row must be one that can be read again");
        }
        if (requestIds.contains(row.group("requestId"))) {
            return;
        }
        ByteBuffer line = StandardCharsets.UTF_8.encode((isTorn ? "\n" : "") + json + "\n");
        isTorn = true;
        while (line.hasRemaining()) {
            file.write(line);
        }
        isTorn = false;
        file.force(false);
        remember(row);
    }

    /** The last hundred, the newest first: of each what the page may see. */
    synchronized List<Map<String, Json.Raw>> newest() {
        return List.copyOf(newestFirst);
    }

    private void remember(Matcher row) {
        String requestId = row.group("requestId");
        if (!requestId.equals("\"\"") && !requestIds.add(requestId)) {
            return;
        }
        Map<String, Json.Raw> listed = new LinkedHashMap<>();
        LISTED.forEach(name -> listed.put(name, new Json.Raw(row.group(name))));
        newestFirst.addFirst(listed);
        if (newestFirst.size() > MAX_LISTED) {
            newestFirst.removeLast();
        }
    }

    /** A number, or null if there is none. */
    private static Long number(String text) {
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException none) { // also for null
            return null;
        }
    }

    private static final List<String> TEXTS =
            List.of("bucket", "object", "etag", "mimeType", "requestId");
    private static final List<String> NUMBERS = List.of("size", "width", "height");
    private static final List<String> LISTED =
            List.of("object", "size", "mimeType", "width", "height", "requestId");

    /** A line as {@link #add} writes it; a group holds its value as it stands in the JSON. */
    private static final Pattern ROW = Pattern.compile(Stream.concat(
                    TEXTS.stream().map(name -> "\"%1$s\":(?<%1$s>\"[^\"]*+\")".formatted(name)),
                    NUMBERS.stream().map(name -> "\"%1$s\":(?<%1$s>-?\\d++|null)".formatted(name)))
            .collect(Collectors.joining(",", "\\{", "\\}")));

    private static final int MAX_LISTED = 100;
}
