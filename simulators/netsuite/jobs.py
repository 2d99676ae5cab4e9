"""Asynchronous requests: 202 and a job, its task, and the answer it would have given at once (sheet A6).

A job starts a moment after it was accepted, also when nobody asks for it. Idempotency keys are honoured here only.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from simulators.kit import answer
from simulators.netsuite.errors import not_found, same_idempotency_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass
class Job:
    """One job with its only task. `result` is set once it has run."""

    number: int
    key: str | None
    accepted_at: datetime
    finished_at: datetime | None = None
    result: Response | None = None


class Jobs:
    """The account's job queue. `seconds` is how long a job waits before it runs."""

    def __init__(self, now: Callable[[], datetime], path: str, seconds: float) -> None:
        self._now = now
        self._path = path
        self.seconds = seconds
        self._jobs: dict[str, Job] = {}

    def accept(self, work: Callable[[], Response], key: str | None) -> Response:
        """The 202, or the refusal of a key used before. Raises Refusal."""
        for job in self._jobs.values():
            if key is not None and job.key == key:
                raise same_idempotency_key(self._address(job))
        job = Job(len(self._jobs) + 1, key, self._now())
        self._jobs[str(job.number)] = job

        def run() -> None:
            job.result = work()
            job.finished_at = self._now()

        asyncio.get_running_loop().call_later(self.seconds, run)
        headers = {"Location": self._address(job), "Preference-Applied": "respond-async"}
        return Response(status_code=202, headers=headers)

    def job(self, number: str) -> Response:
        """`GET job/{id}`."""
        job = self._find(number)
        return answer({"id": str(job.number), "completed": job.result is not None, "progress": self._progress(job)})

    def tasks(self, number: str) -> Response:
        """`GET job/{id}/task`."""
        job = self._find(number)
        items = [{"links": [{"rel": "self", "href": f"{self._address(job)}/task/1"}], "id": "1"}]
        return answer({"items": items, "count": 1, "offset": 0, "totalResults": 1, "hasMore": False, "links": []})

    def task(self, number: str, task: str) -> Response:
        """`GET job/{id}/task/{tid}`."""
        job = self._find(number, task)
        body: dict[str, Any] = {
            "id": "1",
            "completed": job.result is not None,
            "progress": self._progress(job),
            "startTime": job.accepted_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if job.finished_at is not None:
            body["endTime"] = job.finished_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return answer(body)

    def result(self, number: str, task: str) -> Response:
        """`GET job/{id}/task/{tid}/result`: the answer the synchronous call would have given."""
        job = self._find(number, task)
        if job.result is None:
            raise not_found("asyncResult", number)
        return job.result

    def _find(self, number: str, task: str = "1") -> Job:
        if number not in self._jobs or task != "1":
            raise not_found("asyncJob", number)
        return self._jobs[number]

    def _address(self, job: Job) -> str:
        return f"{self._path}/{job.number}"

    @staticmethod
    def _progress(job: Job) -> str:
        if job.result is None:
            return "pending"
        return "succeeded" if job.result.status_code < 400 else "failed"
