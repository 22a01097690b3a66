"""Maven for the format contract: a jar and its POM; the name of an item is a group and an artifact."""

from collections.abc import Sequence

from tests.contracts.format_contract import Client, Item
from tests.support.maven_files import File, pom_of, versions_metadata, versions_of
from tests.support.server import Answer


class Maven:
    """Versions with a jar and a POM, which metadata announces, as `mvn deploy` puts them."""

    format = "maven"
    challenge = "Basic"
    conflict = 400
    deleted = 204

    def url(self, repository: str, item: Item) -> str:
        return f"/repository/{repository}/{self.path(item)}"

    def body(self, item: Item) -> bytes:
        return self._file(item).content

    def path(self, item: Item) -> str:
        return self._file(item).path

    def owner(self, item: Item) -> str:
        return self._file(item).folder

    def publish(self, client: Client, item: Item) -> Answer:
        file, base = self._file(item), f"/repository/{client.repository}"
        metadata = versions_metadata(file.group, file.artifact, [file.version])
        files = {file.path: file.content, file.pom_path: pom_of(file), file.metadata_path: metadata}
        for path, body in files.items():
            answer = client.request("PUT", f"{base}/{path}", body)
            if answer.status not in (200, 201):
                break
        return answer

    def listed(self, client: Client, name: str) -> Sequence[str]:
        answer = client.request("GET", f"/repository/{client.repository}/{name}/maven-metadata.xml")
        return [] if answer.status == 404 else versions_of(answer.body)

    def is_error(self, answer: Answer) -> bool:
        return answer.header("content-type") == "text/plain; charset=utf-8" and answer.text.endswith("\n")

    def delete(self, client: Client, item: Item) -> Answer:
        """Of the version: a jar alone is not what a version consists of."""
        folder = self.path(item).rpartition("/")[0]
        return client.request("DELETE", f"/repository/{client.repository}/{folder}/")

    def _file(self, item: Item) -> File:
        group, _, artifact = item.name.rpartition("/")
        return File(group.replace("/", "."), artifact, item.version, item.content)
