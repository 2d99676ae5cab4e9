"""Plain HTTP callers for the vendors' tests: signed or bearing, with nothing of the product in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from oauthlib.oauth1 import Client

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

STRICT = {"X-NetSuite-PropertyNameValidation": "error"}


class Signed(httpx.Auth):
    """OAuth 1.0a by an implementation that the simulator does not use."""

    def __init__(self, address: Mapping[str, Any], **given: Any) -> None:
        self._secrets = dict(address["secrets"])
        self._given = {"realm": address["options"]["account_id"], "signature_method": "HMAC-SHA256"} | given

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        s = self._secrets
        client = Client(
            s["consumer_key"],
            client_secret=s["consumer_secret"],
            resource_owner_key=s["token_id"],
            resource_owner_secret=s["token_secret"],
            **self._given,
        )
        _uri, headers, _body = client.sign(str(request.url), request.method)
        request.headers["Authorization"] = headers["Authorization"]
        yield request


class NetSuite:
    """Calls relative to `/services/rest`."""

    def __init__(self, address: Mapping[str, Any]) -> None:
        self.address = address
        self.base = str(address["base_url"])
        self.http = httpx.Client(auth=Signed(address), timeout=30, trust_env=False)

    def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.http.request(method, self.base + path, **given)

    def suiteql(self, q: str, *params: Any, limit: int = 1000, offset: int = 0) -> httpx.Response:
        body: dict[str, Any] = {"q": q} | ({"params": list(params)} if params else {})
        query = {"limit": limit, "offset": offset}
        return self.call("POST", "/query/v1/suiteql", params=query, json=body, headers={"Prefer": "transient"})

    def rows(self, q: str, *params: Any) -> list[dict[str, Any]]:
        answer = self.suiteql(q, *params)
        assert answer.status_code == 200, answer.text
        return [{k: v for k, v in item.items() if k != "links"} for item in answer.json()["items"]]

    def put(self, key: str, body: Any, **headers: str) -> httpx.Response:
        return self.call("PUT", f"/record/v1/timeBill/eid:{key}", json=body, headers={**STRICT, **headers})

    def record(self, key: str) -> dict[str, Any]:
        answer = self.call("GET", f"/record/v1/timeBill/{key}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def error(answer: httpx.Response) -> tuple[int, str, str, str | None]:
    """Status, code, detail and path of a NetSuite refusal."""
    body = answer.json()
    assert body["status"] == answer.status_code
    [entry] = body["o:errorDetails"]
    return answer.status_code, entry["o:errorCode"], entry["detail"], entry.get("o:errorPath")


class Kantata:
    """Calls relative to `/api/v1`."""

    def __init__(self, address: Mapping[str, Any]) -> None:
        self.base = str(address["base_url"])
        token = address["secrets"]["token"]
        self.http = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False)

    def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.http.request(method, self.base + path, **given)

    def page(self, resource: str, **query: Any) -> dict[str, Any]:
        answer = self.call("GET", f"/{resource}", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def all(self, resource: str, **query: Any) -> list[dict[str, Any]]:
        """Every record of a list, in order."""
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            body = self.page(resource, per_page=200, page=page, **query)
            found += [body[one["key"]][one["id"]] for one in body["results"]]
            if page >= body["meta"]["page_count"]:
                return found
            page += 1
