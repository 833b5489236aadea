import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads JSON: maps, lists, text, true, false, null, Long, and Double for what has a fraction. */
final class JsonReader {
    private static final int MAX_DEPTH = 64;

    private final String text;
    private int at;
    private int depth;

    JsonReader(String text) {
        this.text = text;
    }

    /** The one value of the text. */
    Object readAll() {
        Object value = read();
        skipSpace();
        if (at != text.length()) {
            throw new IllegalArgumentException("something behind the JSON, at " + at);
        }
        return value;
    }

    private Object read() {
        if (++depth > MAX_DEPTH) {
            throw new IllegalArgumentException("nested too deeply");
        }
        Object value = switch (peek()) {
            case '{' -> readObject();
            case '[' -> readList();
            case '"' -> readText();
            default -> readWord();
        };
        depth--;
        return value;
    }

    private Map<String, Object> readObject() {
        Map<String, Object> object = new LinkedHashMap<>();
        expect('{');
        while (peek() != '}') {
            peek();
            String name = readText();
            expect(':');
            object.put(name, read());
            skipComma('}');
        }
        expect('}');
        return object;
    }

    private List<Object> readList() {
        List<Object> list = new ArrayList<>();
        expect('[');
        while (peek() != ']') {
            list.add(read());
            skipComma(']');
        }
        expect(']');
        return list;
    }

    private Object readWord() {
        int start = at;
        while (at < text.length() && " \t\r\n,:]}".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String word = text.substring(start, at);
        return switch (word) {
            case "true" -> true;
            case "false" -> false;
            case "null" -> null;
            default -> {
                if (!word.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?")) {
                    throw new IllegalArgumentException("no JSON at " + start);
                }
                yield word.matches("-?\\d+") ? (Object) Long.valueOf(word) : Double.valueOf(word);
            }
        };
    }

    private String readText() {
        StringBuilder read = new StringBuilder();
        expect('"');
        for (char c = next(); c != '"'; c = next()) {
            if (c < ' ') {
                throw new IllegalArgumentException("a control character in a text");
            } else if (c == '\\') {
                c = next();
                int escape = "\"\\/bfnrt".indexOf(c);
                if (c == 'u' && at + 4 <= text.length()) {
                    read.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                    at += 4;
                } else if (escape >= 0) {
                    read.append("\"\\/\b\f\n\r\t".charAt(escape));
                } else {
                    throw new IllegalArgumentException("no escape at " + at);
                }
            } else {
                read.append(c);
            }
        }
        return read.toString();
    }

    private void skipSpace() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() {
        skipSpace();
        if (at >= text.length()) {
            throw new IllegalArgumentException("the JSON ends early");
        }
        return text.charAt(at);
    }

    private char next() {
        if (at >= text.length()) {
            throw new IllegalArgumentException("the JSON ends early");
        }
        return text.charAt(at++);
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw new IllegalArgumentException("no " + wanted + " at " + at);
        }
        at++;
    }

    private void skipComma(char end) {
        if (peek() != end) {
            expect(',');
            if (peek() == end) {
                throw new IllegalArgumentException("a comma too many at " + at);
            }
        }
    }
}
