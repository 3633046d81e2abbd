"""Takes what a source yields into the layers: into an empty base while the source is still read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg

from layers.catalog import find
from layers.errors import SourceError
from layers.loads.accounts import LayerReport, Report
from layers.loads.bulk import holds_nothing
from layers.loads.checks import check, outside
from layers.loads.ground import Astray, Ground, refuse_what_is_astray
from layers.loads.merging import Merging
from layers.loads.order import in_order
from layers.loads.quarantine import Quarantine
from layers.loads.staging import Staging
from layers.sources.records import Batch, Complete, Item, Notes, Reject

_ALONE = "SET LOCAL max_parallel_maintenance_workers = 0"
_TOGETHER = "SET LOCAL max_parallel_maintenance_workers TO DEFAULT"
"""While a source is read, the other processors are at that: one process alone then builds an index sooner."""


class Intake:
    """The layers of one load.

    Records wait in a table of their layer until the source has told all that it has for it; then they are checked.
    Layers are merged one after the other, in the order that all loads keep: in a base that holds nothing yet as soon as
    they can be; in others when the source has been read, since nobody else can change a layer, and often not even read
    it, from its merging until the end of the load.

    Parameters
    ----------
    connection
        In the transaction of the load, whose account is opened.
    report
        Of the load, where it is told what became of the records.
    layers
        Those that are loaded; records of others are left.
    ground
        Where features may lie.
    restricted
        Whether they are restricted, as :class:`Merging` has it.
    may_be_empty
        Whether a source that holds nothing closes all that it has brought.

    Attributes
    ----------
    quarantine
        The records that can't be taken.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        report: Report,
        layers: Iterable[str],
        ground: Ground,
        *,
        restricted: bool | None,
        may_be_empty: bool,
    ) -> None:
        self._connection = connection
        self._report = report
        self._ground = ground
        self._may_be_empty = may_be_empty
        self.quarantine = Quarantine(connection)
        self._astray = Astray()
        names = [each.name for group in in_order(map(find, set(layers))) for each in group]
        report.layers = {name: LayerReport() for name in sorted(names)}
        self._stagings = {name: Staging(connection, name, self.quarantine) for name in names}
        self._unchecked = set(names)
        self._is_first = holds_nothing(connection)
        connection.execute(_ALONE)
        self._unmerged = [
            Merging(each, report.territory, report.source, restricted=restricted) for each in self._stagings.values()
        ]

    @property
    def takes_any(self) -> bool:
        """Whether any record is taken."""
        return any(each.rows for each in self._stagings.values())

    def take(self, item: Item) -> None:
        """Take what the source yields."""
        staging = self._stagings.get(item.layer)
        if staging is None:
            return
        if isinstance(item, Batch):
            staging.add_batch(item)
        elif isinstance(item, Reject):
            self.quarantine.add(item)
        elif isinstance(item, Complete):
            self._check(staging)
            self._merge_ahead()
        else:
            staging.add(item)

    def finish(self, notes: Notes) -> None:
        """Bring the layers to what has been taken, which is all.

        Parameters
        ----------
        notes
            Of the reader.

        Raises
        ------
        SourceError
            So much lies elsewhere that the source must have been misread; it holds nothing; or nothing in it can be
            taken, and it would remove all that it has brought before.
        """
        for staging in self._stagings.values():
            self._check(staging)
        for layer, account in self._report.layers.items():
            account.cut = notes.cut[layer]
            account.passed_over = {what: n for (of, what), n in notes.passed_over.most_common() if of == layer}
        self._report.remarks += notes.remarks
        if not self._report.adds:
            refuse_what_is_astray(self._report.file_name, self._ground, self._astray)
        if not self.takes_any and not self._may_be_empty:
            self._refuse_to_empty()
        self._connection.execute(_TOGETHER)
        while self._unmerged:
            self._merge_next()

    def _check(self, staging: Staging) -> None:
        """Check the records of a layer, once, put what is wrong in quarantine, and count."""
        if staging.layer not in self._unchecked:
            return
        self._unchecked.remove(staging.layer)
        staging.flush()
        self.quarantine.flush()
        account = self._report.layers[staging.layer]
        account.repaired, found = check(staging, self._ground)
        account.outside = outside(staging, self._ground) if self._ground.keep else 0
        account.rejected = self.quarantine.by_reason(staging.layer)
        account.read = staging.rows + sum(account.rejected.values())
        self._astray.add(found)

    def _merge_ahead(self) -> None:
        """Merge the layers that are next and checked, where the base holds nothing of another load."""
        while self._is_first and self._unmerged and self._unmerged[0].layer not in self._unchecked:
            self._merge_next()

    def _merge_next(self) -> None:
        merging = self._unmerged.pop(0)
        merging.merge(self._report.layers[merging.layer], close=not self._report.adds)

    def _refuse_to_empty(self) -> None:
        """Keep a source of which nothing can be taken from removing all that an earlier load of it has brought."""
        file, layers = self._report.file_name, self._report.layers
        reasons = dict.fromkeys(reason for account in layers.values() for reason in account.rejected)
        if not reasons:
            raise SourceError(f"{file} holds nothing for {', '.join(layers)}; the base stays as it is.")
        if not self._report.adds and any(each.holds_any() for each in self._unmerged):
            raise SourceError(f"Nothing in {file} can be taken, so the base stays as it is: {'; '.join(reasons)}.")
