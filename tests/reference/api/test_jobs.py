from __future__ import annotations

import time

import pytest

from tests.reference.server_process import Reply, ServerProcess, wait_until

STORE = {"x-arango-async": "store"}


def _submit(server: ServerProcess, method: str, path: str, body: object = None) -> str:
    reply = server.call(method, path, body, STORE)
    assert (reply.status, reply.body) == (202, b"")
    assert reply.headers["x-arango-async-id"].isdigit()
    return reply.headers["x-arango-async-id"]


def _ended(server: ServerProcess, job: str) -> None:
    wait_until(lambda: server.call("GET", f"/_api/job/{job}").status == 200, "the job's end")


def _fetch(server: ServerProcess, job: str) -> Reply:
    _ended(server, job)
    return server.call("PUT", f"/_api/job/{job}")


@pytest.fixture
def endless(server: ServerProcess, collection: str) -> str:
    """A job that waits for as long as the test lasts, because the collection is locked."""
    body = {"collections": {"exclusive": collection}}
    server.call("POST", "/_api/transaction/begin", body).expect(201)
    return _submit(server, "POST", f"/_api/document/{collection}", {"_key": "never"})


def test_the_stored_answer_is_fetched_once(server: ServerProcess, collection: str) -> None:
    job = _submit(server, "POST", f"/_api/document/{collection}", {"_key": "k"})
    reply = _fetch(server, job)
    assert reply.expect(202)["_key"] == "k"
    assert reply.headers["x-arango-async-id"] == job
    assert reply.headers["etag"]
    server.call("PUT", f"/_api/job/{job}").refused(404, 404)


def test_a_refusal_is_an_answer_too(server: ServerProcess) -> None:
    _fetch(server, _submit(server, "GET", "/_api/document/nothing/k")).refused(404, 1203)


def test_an_answer_may_be_thrown_away(server: ServerProcess, collection: str) -> None:
    reply = server.call("POST", f"/_api/document/{collection}", {"_key": "k"}, {"x-arango-async": "true"})
    assert (reply.status, reply.body) == (202, b"")
    assert "x-arango-async-id" not in reply.headers
    path = f"/_api/document/{collection}/k"
    wait_until(lambda: server.call("GET", path).status == 200, "the write")


def test_another_word_is_no_job(server: ServerProcess) -> None:
    server.call("GET", "/_api/version", headers={"x-arango-async": "later"}).refused(400, 400)


def test_a_job_in_progress_has_no_answer_yet(server: ServerProcess, endless: str) -> None:
    for method in ("GET", "PUT"):
        reply = server.call(method, f"/_api/job/{endless}")
        assert (reply.status, reply.body) == (204, b"")
    assert endless in server.call("GET", "/_api/job/pending").expect(200)
    assert endless not in server.call("GET", "/_api/job/done").expect(200)


def test_a_cancelled_job_ends_with_410(server: ServerProcess, collection: str, endless: str) -> None:
    assert server.call("PUT", f"/_api/job/{endless}/cancel").expect(200) == {"result": True}
    _fetch(server, endless).refused(410, 21)
    server.call("PUT", f"/_api/job/{endless}/cancel").refused(404, 404)


def test_finished_jobs_are_listed_and_deleted(server: ServerProcess) -> None:
    first, second, third = (_submit(server, "GET", "/_api/version") for _ in range(3))
    for job in (first, second, third):
        _ended(server, job)
    assert {first, second, third} <= set(server.call("GET", "/_api/job/done").expect(200))
    assert len(server.call("GET", "/_api/job/done?count=2").expect(200)) == 2
    assert server.call("DELETE", f"/_api/job/{first}").expect(200) == {"result": True}
    server.call("DELETE", f"/_api/job/{first}").refused(404, 404)
    server.call("DELETE", f"/_api/job/expired?stamp={int(time.time()) - 3600}").expect(200)
    assert second in server.call("GET", "/_api/job/done").expect(200)
    server.call("DELETE", f"/_api/job/expired?stamp={int(time.time()) + 3600}").expect(200)
    assert second not in server.call("GET", "/_api/job/done").expect(200)
    server.call("DELETE", "/_api/job/all").expect(200)
    assert server.call("GET", "/_api/job/done").expect(200) == []


def test_wrong_words_are_refused(server: ServerProcess) -> None:
    server.call("GET", "/_api/job/other").refused(400, 400)
    server.call("DELETE", "/_api/job/expired").refused(400, 400)
    server.call("PUT", "/_api/job/1").refused(404, 404)
