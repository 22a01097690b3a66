"""`/tasks`, `/system` and `/formats`: what the server does and is."""

from artifactd import __version__
from artifactd.app import Core
from artifactd.tasks.task import State
from tests.support.api_client import ApiClient


def test_maintenance_is_asked_for_and_seen_to_be_done(api: ApiClient, core: Core) -> None:
    asked = api.post("/tasks", {"name": "collect"})
    assert asked.status_code == 202
    where = asked.headers["location"].removeprefix("/api/v1")
    assert api.get(where).json() == asked.json()
    assert (asked.json()["state"], asked.json()["requested_by"]) == ("waiting", "admin")
    worker = core.worker()
    while worker.run_due():
        pass
    assert api.get(where).json()["state"] == "done"


def test_only_maintenance_can_be_asked_for(api: ApiClient) -> None:
    refused = api.post("/tasks", {"name": "rm -rf"})
    assert refused.status_code == 400
    assert "blob-gc" in refused.json()["detail"]
    assert api.get("/tasks").json()["items"] == []


def test_a_waiting_task_is_cancelled(api: ApiClient, core: Core) -> None:
    asked = api.post("/tasks", {"name": "collect"}).json()
    cancelled = api.delete(f"/tasks/{asked['id']}")
    assert cancelled.status_code == 202
    assert cancelled.json()["state"] == "cancelled"
    assert core.queue.get(asked["id"]).state is State.CANCELLED


def test_tasks_are_listed_newest_first_and_by_state(api: ApiClient) -> None:
    numbers = [
        api.post("/tasks", {"name": name}).json()["id"] for name in ("collect", "compact", "collect")
    ]
    first = api.get("/tasks?limit=2").json()
    second = api.get(f"/tasks?limit=2&cursor={first['next']}").json()
    assert [task["id"] for task in [*first["items"], *second["items"]]] == numbers[::-1]
    assert len(api.get("/tasks?name=collect&state=waiting").json()["items"]) == 2
    assert api.get("/tasks?state=done").json()["items"] == []
    assert api.get("/tasks?state=sleeping").status_code == 400
    assert api.get("/tasks?cursor=YWJj").status_code == 400


def test_a_task_that_is_not_there_is_a_404(api: ApiClient) -> None:
    for number in ("1", "x", "9" * 30, "-1", "²"):
        assert api.get(f"/tasks/{number}").status_code == 404
        assert api.delete(f"/tasks/{number}").status_code == 404


def test_tasks_and_system_are_for_administrators(api: ApiClient) -> None:
    for caller, status in ((api.user("bob"), 403), (api.anonymous(), 401)):
        assert caller.get("/tasks").status_code == status
        assert caller.get("/tasks/1").status_code == status
        assert caller.post("/tasks", {"name": "collect"}).status_code == status
        assert caller.delete("/tasks/1").status_code == status
        assert caller.get("/system").status_code == status


def test_the_system_tells_its_version(api: ApiClient) -> None:
    system = api.get("/system").json()
    assert (system["version"], system["workers"]) == (__version__, 1)
    assert {"docker", "raw"} <= set(system["formats"])


def test_anyone_may_see_the_formats_and_what_their_repositories_can_be_told(api: ApiClient) -> None:
    formats = {item["name"]: item for item in api.anonymous().get("/formats").json()["items"]}
    assert formats["raw"]["title"]
    policy = formats["docker"]["settings"]["properties"]["write_policy"]
    assert policy["default"] == "allow"
    assert "may be replaced" in policy["description"]
