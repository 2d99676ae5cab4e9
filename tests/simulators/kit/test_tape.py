"""A run can be gone on with after its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from simulators.kit import AppOptions, KitApp
from simulators.kit.tape import Tape
from tests.simulators.kit.conftest import TOKEN, make_app, make_world

if TYPE_CHECKING:
    from pathlib import Path

FIRM = {"seed": 7}


async def talk(app: KitApp) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://acme.example", headers=TOKEN
    ) as client:
        for key in ("a", "ü", "c"):
            await client.put(f"/notes/{key}", json={"text": f"{key} 李"})
        await client.put("/notes/bad", content=b"no json")
        await client.get("/notes")
        await client.post("/_control/change", json={"verb": "forget"})


def live(tape: Tape) -> KitApp:
    app = make_app(make_world(), AppOptions("http://acme.example"))
    asyncio.run(tape.replay(app.world, {"acme": app}))
    app.tape = tape
    return app


def holdings(app: KitApp) -> object:
    assert app.holdings is not None
    return app.holdings(None)  # type: ignore[arg-type]


def test_next_run_stands_where_the_last_one_ended(tmp_path: Path) -> None:
    first = live(tape := Tape(tmp_path / "happened.jsonl", FIRM))
    asyncio.run(talk(first))
    ended = first.world.clock.now()
    tape.close()
    assert b"Bearer" not in (tmp_path / "happened.jsonl").read_bytes()

    second = live(tape := Tape(tmp_path / "happened.jsonl", FIRM))
    assert holdings(second) == holdings(first) == {"notes": 2}
    assert abs((second.world.clock.now() - ended).total_seconds()) < 5
    asyncio.run(talk(second))
    tape.close()
    assert holdings(live(Tape(tmp_path / "happened.jsonl", FIRM))) == holdings(second)


def test_line_cut_off_by_a_kill_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "happened.jsonl"
    asyncio.run(talk(live(tape := Tape(path, FIRM))))
    tape.close()
    path.write_bytes(path.read_bytes() + b'{"vendor": "ac')
    assert holdings(live(Tape(path, FIRM))) == {"notes": 2}


def test_tape_of_another_firm_is_refused(tmp_path: Path) -> None:
    Tape(tmp_path / "happened.jsonl", FIRM).close()
    with pytest.raises(ValueError, match="tells of another firm"):
        Tape(tmp_path / "happened.jsonl", {"seed": 8})
