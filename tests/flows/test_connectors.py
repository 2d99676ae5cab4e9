"""The README's connector table is what the code can do."""

from flows.connectors import BEGIN, END, ROOT, table


def test_the_connector_table_of_the_readme_is_made_from_the_code() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == table()
