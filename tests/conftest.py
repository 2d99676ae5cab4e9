"""Names the fixture modules; nothing else stands here."""

pytest_plugins = ["tests.fixtures.postgres"]
