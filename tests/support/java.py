"""HTTP as Java's own client speaks it, which newer versions of Maven speak through: over plain http it
offers to go on in HTTP/2 with every request."""

from collections.abc import Mapping
from pathlib import Path

from tests.support.homes import Home
from tests.support.serving import ADMIN

PROGRAM = """
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;

public class Exchange {
    static final HttpClient client = HttpClient.newHttpClient();

    static byte[] send(String authorization, String url, HttpRequest.Builder builder, int expected)
            throws Exception {
        var request = builder.uri(URI.create(url)).header("Authorization", authorization).build();
        var response = client.send(request, BodyHandlers.ofByteArray());
        if (response.statusCode() != expected) {
            throw new Exception(response.statusCode() + " " + new String(response.body()));
        }
        return response.body();
    }

    public static void main(String[] arguments) throws Exception {
        for (int number = 1; number < arguments.length; number += 2) {
            String url = arguments[number];
            byte[] body = new byte[Integer.parseInt(arguments[number + 1])];
            Arrays.fill(body, (byte) 'x');
            var publisher = url.endsWith("#chunked")
                ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
                : BodyPublishers.ofByteArray(body);
            url = url.replace("#chunked", "");
            send(arguments[0], url, HttpRequest.newBuilder().PUT(publisher), 201);
            var received = send(arguments[0], url, HttpRequest.newBuilder(), 200);
            System.out.println(received.length + " " + Arrays.equals(received, body));
        }
    }
}
"""


def put_and_get(home: Home, sizes: Mapping[str, int]) -> list[str]:
    """Send so many bytes to each URL, as an administrator, and fetch them from there: how many came back
    and whether they are the same, in order. Where a URL ends in `#chunked` the length is not told
    beforehand."""
    source: Path = home.write("Exchange.java", PROGRAM)
    java = home.program("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", str(source))
    told = [word for url, size in sizes.items() for word in (url, str(size))]
    return java(ADMIN.header, *told).splitlines()
