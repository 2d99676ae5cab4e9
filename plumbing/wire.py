"""One exchange with a server: a request made, signed, sent and read whole, by httpx's own transport and nothing around it.

What `httpx.Client` adds to its transport (cookies, redirects, hooks, merging of addresses and parameters) no vendor here wants, and
it is a fifth of a call's work: docs/decisions/0306-a-transport-without-a-client.md.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import ssl


class Wire:
    """Connections to one host's server, kept open between calls. Each thread has its own, as a shared pool is a lock for all.

    Args:
        headers: sent with every request.
        auth: asked to sign each request; it may send others first, or send the request again.
        transport: the seam for tests.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        timeout: httpx.Timeout,
        verify: ssl.SSLContext,
        auth: httpx.Auth | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.headers = httpx.Headers({"Accept-Encoding": "gzip, deflate", "Connection": "keep-alive", **headers})
        self.timeout = timeout
        self._verify = verify
        self._auth = auth
        self._given = transport
        self._of_thread = threading.local()
        self._all: list[httpx.BaseTransport] = [transport] if transport else []
        self._extensions = {"timeout": timeout.as_dict()}

    def close(self) -> None:
        """Close the connections of all threads; none may be in use."""
        while self._all:
            self._all.pop().close()
        self._of_thread = threading.local()

    def request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], label: Mapping[str, Any], **body: Any
    ) -> httpx.Request:
        """A request with the headers of all; ``label``: what its extensions name it by."""
        given = self.headers
        if headers:
            given = httpx.Headers(given)
            given.update(headers)
        return httpx.Request(method, url, headers=given, extensions={**self._extensions, **label}, **body)

    def send(self, request: httpx.Request) -> httpx.Response:
        """The answer, read to its end; one that redirects is an answer like any other.

        Raises:
            httpx.HTTPError: no whole answer came; its ``request`` is the one that got none, which may be a sign-in.
        """
        if self._auth is None:
            return self._exchange(request)
        flow = self._auth.sync_auth_flow(request)
        try:
            request = next(flow)
            while True:
                response = self._exchange(request)
                try:
                    request = flow.send(response)
                except StopIteration:
                    return response
        finally:
            flow.close()

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._transport().handle_request(request)
            response.request = request
            try:
                response.read()
            except BaseException:
                response.close()
                raise
        except httpx.RequestError as error:
            error.request = request
            raise
        return response

    def _transport(self) -> httpx.BaseTransport:
        if self._given is not None:
            return self._given
        mine: httpx.BaseTransport | None = getattr(self._of_thread, "transport", None)
        if mine is None:
            mine = self._of_thread.transport = httpx.HTTPTransport(verify=self._verify, trust_env=False)
            self._all.append(mine)
        return mine
