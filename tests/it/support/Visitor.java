// Visits a URL three times with each HTTP client of Java and prints the responses.

import java.io.IOException;
import java.net.CookieHandler;
import java.net.CookieManager;
import java.net.CookiePolicy;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Visitor {
    public static void main(String[] arguments) throws Exception {
        URI address = URI.create(arguments[0]);

        CookieHandler.setDefault(new CookieManager(null, CookiePolicy.ACCEPT_ALL));
        StringBuilder told = new StringBuilder("HttpURLConnection");
        for (int visit = 0; visit < 3; visit++) {
            HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
            told.append(' ').append(new String(connection.getInputStream().readAllBytes()));
        }
        System.out.println(told);

        visit("HttpClient", address, new CookieManager(null, CookiePolicy.ACCEPT_ALL));
        visit("without Expires, in quotes", address, new OlderServer());
    }

    static void visit(String name, URI address, CookieManager cookies) throws Exception {
        HttpClient client = HttpClient.newBuilder().cookieHandler(cookies).build();
        StringBuilder told = new StringBuilder(name);
        for (int visit = 0; visit < 3; visit++) {
            HttpRequest request = HttpRequest.newBuilder(address).build();
            told.append(' ').append(client.send(request, BodyHandlers.ofString()).body());
        }
        System.out.println(told);
    }

    // Imitates a server that only sends Max-Age: Java then treats the cookie as one of RFC 2965 and sends it in quotes.
    static class OlderServer extends CookieManager {
        OlderServer() {
            super(null, CookiePolicy.ACCEPT_ALL);
        }

        @Override
        public void put(URI address, Map<String, List<String>> headers) throws IOException {
            Map<String, List<String>> older = new HashMap<>(headers);
            older.replaceAll((name, lines) ->
                "set-cookie".equalsIgnoreCase(name)
                    ? lines.stream().map(line -> line.replaceAll("; Expires=[^;]*", "")).toList()
                    : lines);
            super.put(address, older);
        }

        @Override
        public Map<String, List<String>> get(URI address, Map<String, List<String>> headers) throws IOException {
            Map<String, List<String>> cookies = super.get(address, headers);
            String sent = cookies.toString();
            if (!getCookieStore().getCookies().isEmpty() && !sent.contains("$Version=\"1\"")) {
                throw new IOException("a cookie without quotes: " + sent);
            }
            return cookies;
        }
    }
}
