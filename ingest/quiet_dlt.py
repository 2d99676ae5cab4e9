"""dlt kept to itself: no telemetry, nothing read from the environment or from files, nothing written outside our home."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import ConfigProvider
from dlt.common.configuration.providers.dictionary import DictionaryProvider
from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.runtime.run_context import RunContext

SETTINGS: dict[str, Any] = {
    "normalize": {"parquet_normalizer": {"add_dlt_load_id": False, "add_dlt_id": False}},
    "data_writer": {"file_max_items": 200_000},  # rows a Parquet file, so that a long load stays in bounded memory
    "load": {"delete_completed_jobs": True, "raise_on_max_retries": 3},
    "restore_from_destination": False,  # no state of ours is in dlt
    "progress": None,
}
_ENTERED = threading.Lock()


class QuietContext(RunContext):
    """A run context that lives in one folder and knows these settings alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._global_dir = str(folder)

    @property
    def run_dir(self) -> str:
        return self._init_run_dir

    @property
    def local_dir(self) -> str:
        return self._init_run_dir

    @property
    def data_dir(self) -> str:
        return self._init_run_dir

    def initial_providers(self) -> list[ConfigProvider]:
        provider = DictionaryProvider()
        for section, value in SETTINGS.items():
            provider.set_value(section, value, None)
        return [provider]

    def initialize_runtime(self, runtime_config: RuntimeConfiguration | None = None) -> None:
        quiet = runtime_config or RuntimeConfiguration()
        quiet.dlthub_telemetry = False
        quiet.log_level = "CRITICAL"  # what went wrong is raised, and told once, by us
        super().initialize_runtime(quiet)


def enter(folder: Path) -> None:
    """Make dlt live in this folder from now on, in this process; again is free."""
    with _ENTERED:
        container = Container()
        if PluggableRunContext in container:
            context = container[PluggableRunContext].context
            if isinstance(context, QuietContext) and context.run_dir == str(folder):
                return
        folder.mkdir(parents=True, exist_ok=True)
        container[PluggableRunContext] = PluggableRunContext(QuietContext(folder))
