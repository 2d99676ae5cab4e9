"""One read of one resource: pages in, Arrow tables out, and a note of everything that did not fit or looked different.

Bounded memory: a batch of rows, the open misfits, and for resources that are listed whole the ids seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ingest.errors import ImplausibleRead, ShapeChanged
from ingest.shaping import Misfit, Row, Secret, Shaper, same_json_type
from ingest.stage import BatchBuilder
from ingest.store import SchemaChange

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

    from ingest.sources import Page
    from ingest.vault import Vault

FEWEST_FOR_A_PATTERN = 2  # one odd record is a misfit; every one of a page is a change there
FEWEST_FOR_ABSENCE = 50  # records, before a field that none of them has counts as gone
MISFITS_TOLERATED = 1000
MISFIT_SHARE_TOLERATED = Decimal("0.2")


class Reading:
    """Reads pages into Arrow tables and remembers what the landing transaction must know.

    Attributes:
        rows_read: records the source gave, misfits included.
        minutes: working time summed over them, before Arrow; None for a resource that states none.
        cursor: where a later read may go on.
        misfits: what did not fit and was not followed by a record of the same id that does.
    """

    def __init__(
        self,
        shaper: Shaper,
        load_id: str,
        now: Callable[[], datetime],
        vault: Vault,
        *,
        is_listing: bool,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.rows_read = 0
        self.minutes: Decimal | None = Decimal(0) if shaper.resource.duration else None
        self.cursor: str | None = None
        self.misfits: dict[str, Misfit] = {}
        self._shaper = shaper
        self._load_id = load_id
        self._now = now
        self._vault = vault
        self._progress = progress
        self._unseen = {field.name for field in shaper.resource.fields if field.presence == "usually"}
        self._listed: dict[str, str] | None = {} if is_listing and shaper.resource.is_complete else None
        self._secrets: list[Secret] = []
        # Contents of the last page and the one before: a read that goes on by stamp meets some records twice.
        self._recent: tuple[dict[str, str], dict[str, str]] = ({}, {})

    @property
    def schema_changes(self) -> list[SchemaChange]:
        """Fields that nobody declared."""
        return [SchemaChange(name, "added", seen) for name, seen in sorted(self._shaper.new_fields.items())]

    @property
    def absent_fields(self) -> list[str]:
        """Fields that records usually have and none of many had."""
        return sorted(self._unseen) if self.rows_read >= FEWEST_FOR_ABSENCE else []

    def tables(self, pages: Iterable[Page]) -> Iterator[pa.Table]:
        """Read it all. What the vault must keep is kept before the table that mentions it is handed on."""
        builder = BatchBuilder(self._load_id)
        source = iter(pages)
        while True:
            read_started_at = self._now()
            page = next(source, None)
            if page is None:
                break
            if page.cursor is not None:
                self.cursor = page.cursor
            for row in self._shape(page):
                if builder.add(row, read_started_at):
                    yield from self._hand_on(builder)
            if self._progress is not None:
                self._progress(self.rows_read)
        yield from self._hand_on(builder)

    def _hand_on(self, builder: BatchBuilder) -> Iterator[pa.Table]:
        self._vault.keep(self._secrets)
        self._secrets = []
        table = builder.take()
        if table is not None:
            yield table

    def _shape(self, page: Page) -> Iterator[Row]:
        key = self._shaper.resource.key
        fitting: list[Row] = []
        misfits: list[Misfit] = []
        repeated = 0
        self._recent = (self._recent[1], {})
        for record in page.records:
            is_deleted = bool(page.deleted) and isinstance(record, dict) and record.get(key) in page.deleted
            shaped = self._shaper.shape(record, is_deleted=is_deleted)
            if self._unseen and isinstance(record, dict):
                self._unseen.difference_update(record)
            if isinstance(shaped, Row):
                shaped = self._once(shaped)
            if isinstance(shaped, Row) and self._is_repeated(shaped):
                repeated += 1
                continue
            self._secrets += shaped.secrets
            if isinstance(shaped, Row):
                fitting.append(shaped)
                self.misfits.pop(shaped.source_id, None)
                if self.minutes is not None:
                    self.minutes += shaped.minutes
            else:
                misfits.append(shaped)
                self.misfits[shaped.source_id] = shaped
                if self.minutes is not None:
                    self.minutes += shaped.minutes or Decimal(0)
        self.rows_read += len(page.records) - repeated
        if misfits:
            self._judge(page.records, misfits)
        yield from fitting

    def _is_repeated(self, row: Row) -> bool:
        before, now = self._recent
        last_seen = now.get(row.source_id, before.get(row.source_id))
        now[row.source_id] = row.content_hash
        return last_seen == row.content_hash

    def _once(self, row: Row) -> Row | Misfit:
        """A list that holds one id twice with different content has no latest version."""
        if self._listed is None:
            return row
        before = self._listed.setdefault(row.source_id, row.content_hash)
        if before == row.content_hash:
            return row
        return Misfit(
            source_id=row.source_id,
            reason=f"{self._shaper.resource.key} {row.source_id} stands twice in one list with different content",
            field=self._shaper.resource.key,
            record=row.record,
            work_date=None,
            minutes=row.minutes if self.minutes is not None else None,
            secrets=row.secrets,
        )

    def _judge(self, records: Iterable[Any], misfits: list[Misfit]) -> None:
        """Tell a change of the source's shape from records that do not fit."""
        records = list(records)
        resource = self._shaper.resource
        missing: Counter[str] = Counter(m.field for m in misfits if m.field and not _has(m.field, records))
        for name, count in missing.items():
            if count >= FEWEST_FOR_A_PATTERN:
                raise self.gone(name)
        retyped: Counter[str] = Counter(m.field for m in misfits if m.is_retyped and m.field)
        kinds = {field.name: field.kind for field in resource.fields}
        for name, count in retyped.items():
            if count < FEWEST_FOR_A_PATTERN:
                continue
            values = [r[name] for r in records if isinstance(r, dict) and r.get(name) is not None]
            if not any(same_json_type(kinds[name], value) for value in values):
                reason = next(m.reason for m in misfits if m.field == name)
                raise ShapeChanged(
                    f"Connection {self._shaper.connection}: {resource.name} changed its shape: {reason} in a whole page; "
                    "nothing of this read landed.",
                    connection=self._shaper.connection,
                    remedy="Declare the field's new type in the source, or have the vendor's change taken back.",
                    code="retyped",
                    detail=name,
                )
        if len(self.misfits) > max(Decimal(MISFITS_TOLERATED), MISFIT_SHARE_TOLERATED * self.rows_read):
            raise ImplausibleRead(
                f"Connection {self._shaper.connection}: {len(self.misfits):,} of {self.rows_read:,} {resource.name} read so "
                f"far do not fit (the last: {misfits[-1].reason}); nothing of this read landed.",
                connection=self._shaper.connection,
                remedy="Look at what the vendor changed; the source's declaration says what is expected.",
            )

    def gone(self, name: str) -> ShapeChanged:
        """The error for a column that is gone."""
        resource = self._shaper.resource
        return ShapeChanged(
            f"Connection {self._shaper.connection}: {resource.name} lost its column {name}: no record has it any more; "
            "nothing of this read landed.",
            connection=self._shaper.connection,
            remedy="Give the connection's user the right to see the field, or declare the field as optional in the source.",
            code="gone",
            detail=name,
        )


def _has(name: str, records: list[Any]) -> bool:
    return any(isinstance(record, dict) and name in record for record in records)
