"""Files and toys for the format contract."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from tests.contracts.format_contract import Client, Item, parsed
from tests.support.server import Answer


class Raw:
    """Files at any path; a version is a file name here."""

    format = "raw"
    has_owners = False
    challenge = "Basic"
    conflict = 409
    deleted = 204

    def url(self, repository: str, item: Item) -> str:
        return f"/repository/{repository}/{self.path(item)}"

    def body(self, item: Item) -> bytes:
        return item.content.encode()

    def path(self, item: Item) -> str:
        return f"{item.name}/{item.version}"

    def owner(self, item: Item) -> str:
        return item.name

    def publish(self, client: Client, item: Item) -> Answer:
        return client.request("PUT", self.url(client.repository, item), self.body(item))

    def listed(self, client: Client, name: str) -> Sequence[str]:
        answer = client.request("GET", f"/repository/{client.repository}/{name}/")
        return [] if answer.status == 404 else re.findall(r'<a href="(\d[^"]*)"', answer.text)

    def is_error(self, answer: Answer) -> bool:
        return answer.header("content-type") == "text/plain; charset=utf-8" and answer.text.endswith("\n")

    def delete(self, client: Client, item: Item) -> Answer:
        return client.request("DELETE", self.url(client.repository, item))


class Toy(Raw):
    """The toy, by PUT."""

    format = "toy"
    has_owners = True
    conflict = 422

    def url(self, repository: str, item: Item) -> str:
        return f"/repository/{repository}/packages/{quote(item.name, safe='')}/{item.version}.toy"

    def body(self, item: Item) -> bytes:
        return f"name: {item.name}\nversion: {item.version}\n\n{item.content}".encode()

    def path(self, item: Item) -> str:
        return f"{item.name}/{item.version}.toy"

    def listed(self, client: Client, name: str) -> Sequence[str]:
        answer = client.request("GET", f"/repository/{client.repository}/names/{quote(name, safe='')}")
        versions: list[str] = answer.json()["versions"]
        return versions

    def is_error(self, answer: Answer) -> bool:
        return set(parsed(answer) or ()) == {"toy", "why"}


class ToyForm(Toy):
    """The toy, by its upload form."""

    def publish(self, client: Client, item: Item) -> Answer:
        boundary = "a-boundary"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("name", item.name), ("version", item.version))
        ]
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="x.toy"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = "".join((*parts, file)).encode() + self.body(item) + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return client.request("POST", f"/repository/{client.repository}/", body, headers=headers)
