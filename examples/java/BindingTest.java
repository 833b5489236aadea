import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.Map;

/**
 * Runs bindings over the table that the packages of all languages read. Its argument is the table;
 * {@code ./test} starts it.
 */
public final class BindingTest {
    private static int passed;
    private static int failed;

    private BindingTest() {}

    private static void compare(Object name, Object wanted, Object got) {
        boolean isSame = wanted.equals(got);
        passed += isSame ? 1 : 0;
        failed += isSame ? 0 : 1;
        if (!isSame) {
            System.out.println(name + ": " + got + ", but it must be " + wanted);
        }
    }

    private static Binding.Permission permission(Map<?, ?> members) {
        return new Binding.Permission((String) members.get("bucket"),
                (String) members.get("prefix"), (String) members.get("key"),
                (String) members.get("user"), (Long) members.get("expires"));
    }

    private static Object verdict(Map<?, ?> row) throws GeneralSecurityException {
        List<String> secrets = ((List<?>) row.get("secrets")).stream().map(String::valueOf).toList();
        try {
            return new Binding(secrets).verify((String) row.get("token"),
                    (String) row.get("bucket"), (String) row.get("object"), (Long) row.get("now"));
        } catch (Binding.Refused refused) {
            return refused.getMessage();
        }
    }

    /** Prints what fails, and at last how many did. */
    public static void main(String[] arguments) throws Exception {
        Map<?, ?> table = (Map<?, ?>) Json.read(Files.readString(Path.of(arguments[0])));
        for (Object each : (List<?>) table.get("make")) {
            Map<?, ?> row = (Map<?, ?>) each;
            Binding binding = new Binding(List.of((String) row.get("secret")));
            Map<?, ?> members = (Map<?, ?>) row.get("permission");
            compare(row.get("name"), row.get("token"), binding.make(permission(members)));
        }
        for (Object each : (List<?>) table.get("verify")) {
            Map<?, ?> row = (Map<?, ?>) each;
            Object wanted = row.get("result") instanceof Map<?, ?> members
                    ? permission(members) : row.get("result");
            compare(row.get("name"), wanted, verdict(row));
        }
        compare("the grace", table.get("grace"), Binding.GRACE_SECONDS);
        for (String tooShort : List.of("aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa,b")) {
            try {
                Binding.fromSetting(tooShort, "sk");
                compare(tooShort, "refused", "taken");
            } catch (IllegalArgumentException refused) {
                compare(tooShort, "refused", "refused");
            }
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed == 0 && passed >= 80 ? 0 : 1);
    }
}
