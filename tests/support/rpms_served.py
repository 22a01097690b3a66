"""Repositories of RPM packages on a server in another process, as their users know them.

own = Served(registry, hosted(registry, "rpm"))
own.publish(rpms.path("acme-tool-1.0-1.noarch"))
machine.repository("ours", own.url, **own.login)
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from artifactd.repositories.publication import publish_all_task
from artifactd.tasks.task import State
from tests.support.rpms_repos import REPOMD, Repomd, parsed
from tests.support.server import Answer, Login
from tests.support.serving import ADMIN, Running, eventually
from tests.support.wire import Wire


@dataclass(frozen=True, slots=True)
class Served:
    """One repository."""

    server: Running
    name: str

    @property
    def path(self) -> str:
        """That of its URL, without a slash at the end."""
        return f"/repository/{self.name}"

    @property
    def url(self) -> str:
        """What clients are told, with a slash at the end."""
        return f"{self.server.url}{self.path}/"

    @property
    def login(self) -> Mapping[str, str]:
        """The options of a `.repo` file that name a user."""
        return {"username": ADMIN.name, "password": ADMIN.password}

    @property
    def signed(self) -> Mapping[str, object]:
        """The same, and the options that insist on a signature of the metadata."""
        return {**self.login, "repo_gpgcheck": 1, "gpgkey": f"{self.url}{REPOMD}.key"}

    def request(
        self, method: str, path: str, body: bytes | None = None, login: Login | None = ADMIN
    ) -> Answer:
        """A request for a path of the repository, which is quoted here; a query is not."""
        path, mark, query = path.partition("?")
        with Wire(self.server, login) as wire:
            return wire.request(method, f"{self.path}/{quote(path)}{mark}{query}", body)

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def put(self, file: Path, folder: str = "Packages") -> Answer:
        """Upload a package."""
        return self.request("PUT", f"{folder}/{file.name}".lstrip("/"), file.read_bytes())

    def describe(self, kind: str, document: bytes) -> None:
        """Upload what metadata has beside packages: `comps`, `modules`, `updateinfo`."""
        answer = self.request("PUT", f".metadata/{kind}", document)
        assert answer.status in (200, 201), answer

    def publish(self, *files: Path, folder: str = "Packages") -> None:
        """Upload packages, and have the metadata at once."""
        for file in files:
            answer = self.put(file, folder)
            assert answer.status in (200, 201), answer
        self.settle()

    def settle(self) -> None:
        """Have the metadata that there would be after the quiet time. The server's own tasks may be faster
        than this process."""
        with self.server.core() as core:
            record = core.repositories.find(self.name)
            row = core.queue.enqueue(publish_all_task(record.id), requested_by="test")
            worker = core.worker()

            def is_done() -> bool:
                worker.run_due()
                return core.queue.get(row).state is State.DONE

            eventually(is_done, 30)

    def repomd(self, at: str = "") -> Repomd:
        """The entry document."""
        answer = self.get(f"{at}{REPOMD}")
        assert answer.status == 200, answer
        return parsed(answer.body)

    def count(self) -> int:
        """How many packages the metadata lists."""
        return gzip.decompress(self.get(self.repomd().files["primary"]).body).count(b"<package type=")
