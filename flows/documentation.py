"""The pages that the code itself writes: dbt's lineage and column descriptions, and what the doors said."""

from __future__ import annotations

import contextlib
import functools
import http.server
from typing import TYPE_CHECKING, Any

from flows import dbt, supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from plumbing.settings import Settings


def build(settings: Settings) -> dict[str, Path]:
    """Builds both; returns the page to open of each, all of them below the data folder."""
    import expectations

    dbt.run(settings, ["docs", "generate"]).require()
    return {"models": settings.home / "dbt" / "target" / "index.html", "doors": expectations.data_docs(settings)}


def serve(settings: Settings, pages: Mapping[str, Path], port: int, say: Callable[[str], None]) -> None:
    """Serves the data folder's pages (and nothing else of it) on loopback until Ctrl-C."""
    allowed = tuple(f"/{page.parent.relative_to(settings.home).as_posix()}/" for page in pages.values())
    handler = functools.partial(Pages, allowed, directory=str(settings.home))
    with http.server.ThreadingHTTPServer(("127.0.0.1", supervision.free_port(port)), handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        for name, page in pages.items():
            say(f"  {name:10} {address}/{page.relative_to(settings.home).as_posix()}")
        with supervision.terminable(), contextlib.suppress(KeyboardInterrupt):
            say("Ctrl-C stops.")
            server.serve_forever()


class Pages(http.server.SimpleHTTPRequestHandler):
    """Files below the allowed folders; secrets and the warehouse's data lie beside them and are never served."""

    def __init__(self, allowed: tuple[str, ...], *args: Any, **kwargs: Any) -> None:
        self._allowed = allowed
        super().__init__(*args, **kwargs)

    def send_head(self) -> Any:
        path = self.translate_path(self.path)
        inside = f"/{path.removeprefix(str(self.directory)).lstrip('/')}"
        if not inside.startswith(self._allowed):
            self.send_error(404)
            return None
        return super().send_head()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  its parent's name
        """Requests are not told."""
