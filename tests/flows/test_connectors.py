"""The README's connector table is what the code can do."""

import subprocess
import sys

from flows.connectors import BEGIN, END, ROOT


def test_the_connector_table_of_the_readme_is_made_from_the_code() -> None:
    # in a process of its own: tests of the engine lend this one destinations that the product does not have
    made = subprocess.run(
        [sys.executable, "-c", "from flows.connectors import table; print(table())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == made.stdout.strip()
