import java.util.Collection;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes JSON: text, numbers, null, lists, and maps in their own order. */
final class Json {
    private Json() {}

    static String of(Object value) {
        if (value == null || value instanceof Number) {
            return String.valueOf(value);
        } else if (value instanceof Raw raw) {
            return raw.json;
        } else if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                    .map(member -> quote(member.getKey().toString()) + ":" + of(member.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
        } else if (value instanceof Collection<?> list) {
            return list.stream().map(Json::of).collect(Collectors.joining(",", "[", "]"));
        }
        return quote(value.toString());
    }

    /** A piece that is JSON already. */
    record Raw(String json) {}

    private static String quote(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '\\') {
                quoted.append("\\\\");
            } else if (c < ' ' || c == '"' || Character.isSurrogate(c)) {
                // A lone surrogate could not be written as UTF-8. Quotation marks go the same way,
                // so that Uploads finds the end of a text by the next one.
                quoted.append(String.format("\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append('"').toString();
    }
}
