import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Proves, in a callback's body, what this application itself permitted. A signature alone says that
 * the storage server sent the callback: everybody with a key of that server (at OSS, every customer)
 * can have it sign a body about anybody's objects.
 */
final class Binding {
    /** After the end of the policy: a call can be made again for a day. */
    static final long GRACE_SECONDS = 90_000;

    private static final int MIN_SECRET_BYTES = 16;
    private static final int MAX_CHARS = 4096;
    private static final long MAX_SECOND = (1L << 53) - 1; // beyond it, not every language can count

    /** Version, permission, and a MAC of 32 bytes. */
    private static final Pattern FORM =
            Pattern.compile("(v1\\.([A-Za-z0-9_-]+))\\.([A-Za-z0-9_-]{43})");

    /** The first makes, all verify. */
    private final List<SecretKeySpec> keys = new ArrayList<>();

    /** Why a callback is not one that was permitted, in a word. */
    @SuppressWarnings("serial")
    static final class Refused extends Exception {
        Refused(String code) {
            super(code);
        }
    }

    /** One key, or all keys that begin with a prefix; the other is null. */
    record Permission(String bucket, String prefix, String key, String user, long expires) {
        boolean permits(String object) {
            return key == null ? !object.isEmpty() && object.startsWith(prefix) : object.equals(key);
        }
    }

    Binding(List<String> secrets) throws GeneralSecurityException {
        for (String secret : secrets) {
            var key = new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256");
            keys.add(new SecretKeySpec(mac(key, "upcall-binding-v1"), "HmacSHA256"));
        }
    }

    /** Takes the setting BINDING_SECRET, a list with commas; or else the access key secret. */
    static Binding fromSetting(String setting, String accessKeySecret)
            throws GeneralSecurityException {
        List<String> secrets = new ArrayList<>(List.of(setting.trim().split("\\s*,\\s*")));
        secrets.removeIf(String::isEmpty);
        for (String secret : secrets) {
            if (secret.getBytes(StandardCharsets.UTF_8).length < MIN_SECRET_BYTES) {
                throw new IllegalArgumentException(
                        "BINDING_SECRET: a secret has at least " + MIN_SECRET_BYTES + " bytes");
            }
        }
        return new Binding(secrets.isEmpty() ? List.of(accessKeySecret) : secrets);
    }

    /** The text for callbackBody. Nothing in it has to be escaped. */
    String make(Permission permission) throws GeneralSecurityException {
        StringBuilder json = new StringBuilder("{\"bucket\":" + quoted(permission.bucket()));
        member(json, "prefix", permission.prefix());
        member(json, "key", permission.key());
        member(json, "user", permission.user());
        json.append(",\"expires\":").append(permission.expires()).append('}');
        byte[] bytes = json.toString().getBytes(StandardCharsets.UTF_8);
        String signed = "v1." + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
        return signed + "." + textMac(keys.get(0), signed);
    }

    /** What was permitted, if it was the upload that the callback's body names. */
    Permission verify(String token, String bucket, String object, long now)
            throws Refused, GeneralSecurityException {
        check(token != null && !token.isEmpty(), "binding-missing");
        Matcher form = FORM.matcher(token);
        check(token.length() <= MAX_CHARS && form.matches(), "binding-malformed");
        boolean isOurs = false;
        for (SecretKeySpec key : keys) {
            // As texts: of two ways to write a MAC in base64, one is taken.
            isOurs |= MessageDigest.isEqual(
                    ascii(textMac(key, form.group(1))), ascii(form.group(3)));
        }
        check(isOurs, "binding-mac");
        Permission permission = read(form.group(2));
        check(now <= permission.expires(), "binding-expired");
        check(permission.bucket().equals(bucket), "binding-bucket");
        check(object != null && permission.permits(object), "binding-object");
        return permission;
    }

    private static Permission read(String encoded) throws Refused {
        try {
            var bytes = ByteBuffer.wrap(Base64.getUrlDecoder().decode(encoded));
            Object value = Json.read(StandardCharsets.UTF_8.newDecoder().decode(bytes).toString());
            check(value instanceof Map, "binding-malformed");
            Map<?, ?> members = (Map<?, ?>) value;
            check(members.containsKey("prefix") != members.containsKey("key")
                    && members.get("expires") instanceof Long expires
                    && expires >= 0 && expires <= MAX_SECOND, "binding-malformed");
            check(members.containsKey("bucket"), "binding-malformed");
            return new Permission(text(members, "bucket"), text(members, "prefix"),
                    text(members, "key"), text(members, "user"), (Long) members.get("expires"));
        } catch (CharacterCodingException | IllegalArgumentException notJson) {
            throw new Refused("binding-malformed");
        }
    }

    /** Null if there is none; a null that is there is no text. */
    private static String text(Map<?, ?> members, String name) throws Refused {
        check(!members.containsKey(name) || members.get(name) instanceof String,
                "binding-malformed");
        return (String) members.get(name);
    }

    private static void check(boolean isGood, String code) throws Refused {
        if (!isGood) {
            throw new Refused(code);
        }
    }

    private static void member(StringBuilder json, String name, String value) {
        if (value != null) {
            json.append(",\"").append(name).append("\":").append(quoted(value));
        }
    }

    /** As every language of the kit writes it; Json escapes more. */
    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            int at = "\"\\\b\t\n\f\r".indexOf(c);
            if (at >= 0) {
                quoted.append('\\').append("\"\\btnfr".charAt(at));
            } else {
                quoted.append(c < ' ' ? String.format("\\u%04x", (int) c) : String.valueOf(c));
            }
        }
        return quoted.append('"').toString();
    }

    private static byte[] mac(SecretKeySpec key, String text) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(key);
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String textMac(SecretKeySpec key, String text) throws GeneralSecurityException {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(mac(key, text));
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
