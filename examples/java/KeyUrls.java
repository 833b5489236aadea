import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The addresses from which public keys are taken.
 *
 * <p>A request says where its key is, so whoever controls that address decides which signatures are
 * good.
 */
final class KeyUrls {
    private final List<Pattern> listed = new ArrayList<>();

    /**
     * Reads addresses with spaces or commas between them; OSS's own always count. One with a final
     * {@code /} stands for all below it, a {@code *} after the last {@code /} for letters, digits
     * and {@code -}.
     */
    KeyUrls(String text) {
        OSS.forEach(this::add);
        for (String entry : text.split("[\\s,]+")) {
            if (!entry.isEmpty()) {
                add(entry);
            }
        }
    }

    private void add(String entry) {
        int star = entry.indexOf('*');
        String pattern = Pattern.quote(entry);
        String example = entry;
        if (star >= 0) {
            String before = entry.substring(0, star);
            String after = entry.substring(star + 1);
            pattern = Pattern.quote(before) + "[A-Za-z0-9-]+" + Pattern.quote(after);
            example = before + "x" + after;
        } else if (entry.endsWith("/")) {
            pattern += ".+";
            example += "x";
        }
        if (!PLAIN.matcher(example).matches() || star >= 0 && star < entry.lastIndexOf('/')) {
            throw new IllegalArgumentException("CALLBACK_KEY_URLS: `" + entry + "` is not of the"
                    + " form http(s)://host/path in plain characters, with / at its end or one *"
                    + " after its last /");
        }
        listed.add(Pattern.compile(pattern));
    }

    /** Compares the address as text, before any parser has its own idea of where the host ends. */
    boolean allow(String url) {
        return url.length() <= MAX_CHARS
                && PLAIN.matcher(url).matches()
                && listed.stream().anyMatch(pattern -> pattern.matcher(url).matches());
    }

    /**
     * 512 for OSS's own key, which has no more. So small a key can be factored for the price of a
     * meal, so it is taken from that address only.
     */
    static int leastBits(String url) {
        return OSS.stream().anyMatch(prefix -> url.equals(prefix + OSS_KEY)) ? 512 : 1024;
    }

    /** With the final slash: {@code gosspublic.alicdn.com.evil.example} is not OSS. */
    private static final Set<String> OSS =
            Set.of("http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/");

    private static final String OSS_KEY = "callback_pub_key_v1.pem";

    /** No user-info, backslash, percent sign, query, fragment, {@code //} or {@code ..} in it. */
    private static final Pattern PLAIN = Pattern.compile(
            "https?://[A-Za-z0-9.:\\[\\]-]+(?:/\\.{0,2}[A-Za-z0-9_~-][A-Za-z0-9._~-]*+)++");

    private static final int MAX_CHARS = 1024;
}
