"""Every module in fixtures/ is a plug-in; nothing else stands here."""

from pathlib import Path

pytest_plugins = sorted(f"tests.fixtures.{module.stem}" for module in Path(__file__).with_name("fixtures").glob("*.py"))
