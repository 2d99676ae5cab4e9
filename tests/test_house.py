"""The house rules that a linter can't hold."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "dbt_project",
    "expectations",
    "flows",
    "ingest",
    "plumbing",
    "reverse_etl",
    "simulators",
    "tests",
    "benchmarks",
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def text_files() -> list[Path]:
    return [path for path in tracked() if path.suffix != ".png"]


def test_no_file_is_named_after_nothing() -> None:
    nameless = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in tracked() if path.stem in nameless or nameless & set(path.relative_to(ROOT).parts)] == []


def test_every_given_room_is_there() -> None:
    assert [room for room in (*ROOMS, "profiles", "docs") if not (ROOT / room).is_dir()] == []


def test_no_path_of_one_machine_and_no_registry_host_is_tracked() -> None:
    loose = re.compile(
        r"(^|[^A-Za-z0-9_.])/(work|root|home/[a-z]+|farm)/|pypi\.org|registry\.npmjs|deb\.debian\.org|index-url"
    )
    offenders = {
        f"{path.relative_to(ROOT)}:{number}"
        for path in text_files()
        if path.name not in {"test_house.py", "Makefile"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if loose.search(line)
    }
    assert offenders == set()


def test_nothing_in_the_project_reads_the_shared_folder() -> None:
    reads = re.compile(r"\.\./shared|/shared/")
    assert [
        path for path in text_files() if path.name != "test_house.py" and reads.search(path.read_text(encoding="utf-8"))
    ] == []


def test_the_lock_names_no_host() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_lock_holds_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\[<>=!~ ]", item, maxsplit=1)[0].lower() for item in wanted}
    locked = {
        line.split("==")[0].split("[")[0].lower()
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    assert names - locked == set()


def test_every_relative_link_of_a_document_leads_somewhere() -> None:
    link = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in tracked()
        if path.suffix == ".md"
        for target in link.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_screenshots_are_small() -> None:
    assert [path for path in tracked() if path.suffix == ".png" and path.stat().st_size > 300_000] == []


def test_no_test_sleeps() -> None:
    """Waiting on a real process is done in short looks, in the two tests that kill one at a moment of their choosing."""
    killers = {"tests/bad_input/test_killed.py", "tests/end_to_end/test_kill.py"}
    sleeping = re.compile(r"\b(time|asyncio)\.sleep\(")
    assert [
        path
        for path in tracked()
        if path.match("tests/**/test_*.py")
        and str(path.relative_to(ROOT)) not in killers
        and sleeping.search(path.read_text(encoding="utf-8"))
    ] == []


def test_no_merge_left_its_marks() -> None:
    marks = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)
    assert [path for path in text_files() if marks.search(path.read_text(encoding="utf-8"))] == []
