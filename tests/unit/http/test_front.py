"""The front page."""

from artifactd.formats.loader import load_formats
from artifactd.http.front import front_page


def test_the_front_page_points_clients_at_the_host_they_used() -> None:
    page = front_page("1.2.3", load_formats().values(), "https", "registry.example:5000")
    text = page.body.decode()
    assert page.status == 200
    assert "docker push registry.example:5000/docker/IMAGE:TAG" in text
    assert "https://registry.example:5000/repository/pypi/simple/" in text
    assert "https://registry.example:5000/repository/raw/" in text
    assert "version 1.2.3" in text


def test_a_host_header_cannot_write_into_the_page() -> None:
    text = front_page("1", load_formats().values(), "http", "<script>alert(1)</script>").body.decode()
    assert "<script" not in text
