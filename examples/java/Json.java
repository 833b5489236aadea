import java.util.Collection;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes JSON: text, numbers, null, lists, and maps in their own order; and reads it. */
final class Json {
    private Json() {}

    static Object read(String text) {
        return new JsonReader(text).readAll();
    }

    static String of(Object value) {
        if (value == null || value instanceof Number) {
            return String.valueOf(value);
        } else if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                    .map(member -> of(member.getKey()) + ":" + of(member.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
        } else if (value instanceof Collection<?> list) {
            return list.stream().map(Json::of).collect(Collectors.joining(",", "[", "]"));
        }
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : value.toString().toCharArray()) {
            // Quotation marks too, so that rows can be read again without a parser. And a lone
            // surrogate could not be written as UTF-8.
            boolean plain = c >= ' ' && c != '"' && c != '\\' && !Character.isSurrogate(c);
            quoted.append(plain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
        }
        return quoted.append('"').toString();
    }
}
