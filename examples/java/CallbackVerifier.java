import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.SignatureException;
import java.security.interfaces.RSAPublicKey;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Tells whether the storage server sent a request. */
final class CallbackVerifier {
    private final KeyUrls allowed;

    CallbackVerifier(KeyUrls allowed) {
        this.allowed = allowed;
    }

    /** Gets the key from an address that was allowed. */
    interface KeyFetcher {
        RSAPublicKey fetch(String url) throws IOException, GeneralSecurityException;
    }

    /** What is wrong with a callback, in a word. */
    static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        final String code;

        Refused(String code) {
            super(code);
            this.code = code;
        }
    }

    /**
     * Returns if the request is genuine.
     *
     * @param target path and query as they were sent: neither decoded nor parsed
     * @param headers names of any case, each with its values
     * @param body the bytes as they were sent: {@code getParameter} and its like have eaten them
     */
    void verify(String method, String target, Map<String, List<String>> headers, byte[] body,
            KeyFetcher fetchKey) throws Refused {
        check(method.equals("POST"), "method");
        int mark = target.indexOf('?');
        byte[] path = percentDecode(mark < 0 ? target : target.substring(0, mark));
        String query = mark < 0 ? "" : target.substring(mark);
        // The path is signed decoded, with `?` and a line feed as marks behind it: were they
        // allowed in it, `/a%3Fb` would carry the signature of `/a?b`.
        check(target.startsWith("/") && !holds(path, '?') && !holds(path, '\n')
                && target.indexOf('\n') < 0, "target");

        String keyUrl = new String(
                strictBase64(needed(headers, "x-oss-pub-key-url"), "key-url"),
                StandardCharsets.ISO_8859_1);
        check(allowed.allow(keyUrl), "key-url");
        byte[] signature = strictBase64(needed(headers, "authorization"), "header-not-base64");
        check(one(headers, "x-oss-signature-version").orElse("1.0").equals("1.0"),
                "signature-version");
        Optional<String> digest = one(headers, "content-md5");
        if (digest.isPresent()) {
            byte[] sum = strictBase64(digest.get(), "header-not-base64");
            check(MessageDigest.isEqual(sum, md5(body)), "digest");
        }

        RSAPublicKey key;
        try {
            key = fetchKey.fetch(keyUrl);
        } catch (IOException | GeneralSecurityException unavailable) {
            throw new Refused("key-unavailable");
        }
        check(key.getModulus().bitLength() >= KeyUrls.leastBits(keyUrl), "key-too-small");

        ByteArrayOutputStream signed = new ByteArrayOutputStream();
        signed.writeBytes(path);
        signed.writeBytes(query.getBytes(StandardCharsets.UTF_8));
        signed.write('\n');
        signed.writeBytes(body);
        check(isMd5Signature(key, signed.toByteArray(), signature), "signature");
    }

    private static void check(boolean isGood, String code) throws Refused {
        if (!isGood) {
            throw new Refused(code);
        }
    }

    /**
     * The JDK's own provider takes RSA keys from 512 bits on, and MD5: {@code
     * jdk.certpath.disabledAlgorithms} is about certificates only.
     */
    private static boolean isMd5Signature(RSAPublicKey key, byte[] text, byte[] signature) {
        try {
            Signature verifier = Signature.getInstance("MD5withRSA");
            verifier.initVerify(key);
            verifier.update(text);
            return verifier.verify(signature);
        } catch (SignatureException notOfThisKey) {
            return false; // too long or too short
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK was told to do without MD5withRSA", e);
        }
    }

    private static byte[] md5(byte[] data) {
        try {
            return MessageDigest.getInstance("MD5").digest(data);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JDK was told to do without MD5", e);
        }
    }

    private static String needed(Map<String, List<String>> headers, String name) throws Refused {
        return one(headers, name).orElseThrow(() -> new Refused("header-missing"));
    }

    /** Of two, most frameworks' {@code getHeader} takes the first; a proxy may take the other. */
    private static Optional<String> one(Map<String, List<String>> headers, String name)
            throws Refused {
        List<String> values = headers.entrySet().stream()
                .filter(header -> name.equalsIgnoreCase(header.getKey()))
                .flatMap(header -> header.getValue().stream())
                .toList();
        check(values.size() <= 1, "header-twice");
        return values.stream().findFirst();
    }

    /** Base64 that could not have been written otherwise: Java's decoder does without padding. */
    private static byte[] strictBase64(String text, String code) throws Refused {
        try {
            byte[] data = Base64.getDecoder().decode(text);
            check(Base64.getEncoder().encodeToString(data).equals(text), code);
            return data;
        } catch (IllegalArgumentException notBase64) {
            throw new Refused(code);
        }
    }

    /**
     * Gives bytes, which need not be UTF-8. A {@code +} stays, and so does a {@code %} that encodes
     * nothing; {@code URLDecoder} makes a space of the one and fails at the other.
     */
    private static byte[] percentDecode(String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream decoded = new ByteArrayOutputStream();
        for (int i = 0; i < encoded.length; i++) {
            if (encoded[i] == '%' && i + 2 < encoded.length
                    && HexFormat.isHexDigit(encoded[i + 1])
                    && HexFormat.isHexDigit(encoded[i + 2])) {
                decoded.write(HexFormat.fromHexDigit(encoded[i + 1]) << 4
                        | HexFormat.fromHexDigit(encoded[i + 2]));
                i += 2;
            } else {
                decoded.write(encoded[i]);
            }
        }
        return decoded.toByteArray();
    }

    private static boolean holds(byte[] bytes, char wanted) {
        for (byte b : bytes) {
            if (b == wanted) {
                return true;
            }
        }
        return false;
    }
}
