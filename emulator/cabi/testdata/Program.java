import java.security.*;
import java.util.*;
import java.util.concurrent.*;
import javax.crypto.*;
import javax.crypto.spec.*;

/**
 * Works on a PKCS#11 library through SunPKCS11: java Program.java CONFIGURATION. It ends with
 * 0, or with the exception of what did not hold.
 */
public class Program {
    static Provider provider;
    static final char[] PIN = "123456".toCharArray();

    public static void main(String[] args) throws Exception {
        provider = Security.getProvider("SunPKCS11").configure(args[0]);
        Security.addProvider(provider);
        KeyStore store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, PIN);
        threads(Program::encrypts);
        threads(Program::authenticates);
        keeps(store);
        nulls();
        collects();
        works();
        System.out.println("done");
    }

    static void check(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    /** Runs work in 16 threads at once. */
    static void threads(Callable<Void> work) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(16);
        List<Future<Void>> all = pool.invokeAll(Collections.nCopies(16, work));
        pool.shutdown();
        for (Future<Void> f : all) f.get();
    }

    static SecretKey key(String algorithm, int bits) throws Exception {
        KeyGenerator g = KeyGenerator.getInstance(algorithm, provider);
        g.init(bits);
        return g.generateKey();
    }

    static Void encrypts() throws Exception {
        SecretKey key = key("AES", 256);
        byte[] message = new byte[1000];
        for (int i = 0; i < 50; i++) {
            Cipher c = Cipher.getInstance("AES/CBC/PKCS5Padding", provider);
            c.init(Cipher.ENCRYPT_MODE, key, new IvParameterSpec(new byte[16]));
            byte[] secret = c.doFinal(message);
            c.init(Cipher.DECRYPT_MODE, key, new IvParameterSpec(new byte[16]));
            check(Arrays.equals(c.doFinal(secret), message), "AES-CBC there and back");
        }
        return null;
    }

    /** The token's HMAC is that of Java's own provider. */
    static Void authenticates() throws Exception {
        SecretKey clear = new SecretKeySpec(new byte[32], "HmacSHA256");
        Mac own = Mac.getInstance("HmacSHA256", "SunJCE"), token = Mac.getInstance("HmacSHA256", provider);
        own.init(clear);
        token.init(clear);
        for (int i = 0; i < 50; i++) {
            byte[] message = new byte[i];
            check(Arrays.equals(own.doFinal(message), token.doFinal(message)), "HMAC");
        }
        return null;
    }

    /** A key in the store is there for one that opens it anew. */
    static void keeps(KeyStore store) throws Exception {
        store.setKeyEntry("kept", key("AES", 128), null, null);
        KeyStore again = KeyStore.getInstance("PKCS11", provider);
        again.load(null, PIN);
        check(again.isKeyEntry("kept"), "the key should be kept");
        check(again.getKey("kept", null).getAlgorithm().equals("AES"), "the key should be AES");
    }

    static String[] words = {"a", null};

    static int length(int i) { return words[i & 1].length(); }

    /** Compiled Java finds a null pointer by SIGSEGV, which has to stay its own. */
    static void nulls() {
        int caught = 0;
        for (int i = 0; i < 2_000_000; i++) {
            // None until it is compiled: the interpreter looks before it reads.
            int at = i > 1_000_000 && i % 1000 == 1 ? 1 : 0;
            try {
                length(at);
            } catch (NullPointerException e) {
                caught++;
            }
        }
        check(caught == 1000, "null pointers caught: " + caught);
    }

    /** Collecting garbage stops all threads, also those that are in the library. */
    static void collects() throws Exception {
        Thread collector = new Thread(() -> { while (!Thread.interrupted()) System.gc(); });
        collector.start();
        threads(Program::encrypts);
        collector.interrupt();
        collector.join();
    }

    /** Works until there is input: meanwhile somebody may ask by SIGQUIT for a dump. */
    static void works() throws Exception {
        System.out.println("working");
        while (System.in.available() == 0) encrypts();
    }
}
