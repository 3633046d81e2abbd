"""What is done of a pyramid of tiles, kept in a file until all of it is."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

Versions: TypeAlias = dict[str, int]
"""Of layers, by name."""


class TileJournal:
    """The file that holds the tiles that are done so far.

    Parameters
    ----------
    path
        The file; one of another plan is begun anew.
    plan
        What is to be done.
    """

    def __init__(self, path: Path, plan: str) -> None:
        self.path = path
        self._base = self._open()
        if self._base.execute("SELECT plan FROM plans").fetchall() not in ([], [(plan,)]):
            self._base.close()
            path.unlink()
            self._base = self._open()
        self._base.execute("INSERT INTO plans VALUES (?) ON CONFLICT DO NOTHING", (plan,))
        self._base.commit()

    def _open(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path)
        base.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
            "CREATE TABLE IF NOT EXISTS plans (plan TEXT PRIMARY KEY);"
            "CREATE TABLE IF NOT EXISTS contents (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, packed BLOB);"
            "CREATE TABLE IF NOT EXISTS done (tile INTEGER PRIMARY KEY, content INTEGER, occupied INTEGER, state TEXT)"
        )
        return base

    def find(self, tile: int) -> tuple[bool, Versions] | None:
        """Return whether there is anything where a tile is, and the versions it holds; nothing if it isn't there."""
        row = self._base.execute("SELECT occupied, state FROM done WHERE tile = ?", (tile,)).fetchone()
        return None if row is None else (bool(row[0]), json.loads(row[1]))

    def add(self, tile: int, packed: bytes, versions: Versions, *, occupied: bool) -> None:
        """Note a tile that was made."""
        content = None
        if packed:
            digest = hashlib.blake2b(packed, digest_size=20).digest()
            self._base.execute(
                "INSERT INTO contents (digest, packed) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, packed)
            )
            content = self._base.execute("SELECT id FROM contents WHERE digest = ?", (digest,)).fetchone()[0]
        row = (tile, content, occupied, json.dumps(versions))
        self._base.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?)", row)

    def keep(self) -> None:
        """Let what was added outlive the process."""
        self._base.commit()

    def tiles(self) -> Iterator[tuple[int, int]]:
        """Yield the tiles that aren't empty, in their order, each with its content."""
        yield from self._base.execute("SELECT tile, content FROM done WHERE content IS NOT NULL ORDER BY tile")

    def content(self, content: int) -> bytes:
        """Return a content."""
        packed: bytes = self._base.execute("SELECT packed FROM contents WHERE id = ?", (content,)).fetchone()[0]
        return packed

    def close(self) -> None:
        """Close the file."""
        self._base.commit()
        self._base.close()
