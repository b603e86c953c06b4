"""Read the relations that a program states by models or by a builder of queries."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.tables.relations.django import django_relations
from sqlite_consolidate.engine.code.tables.relations.prisma import prisma_relations
from sqlite_consolidate.engine.code.tables.relations.query_builders import builder_relations
from sqlite_consolidate.engine.code.tables.relations.rails import rails_relations
from sqlite_consolidate.engine.code.tables.relations.room import room_relations
from sqlite_consolidate.engine.code.tables.relations.sqlalchemy import sqlalchemy_relations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelRelation

_WITH_BUILDERS = frozenset({".cjs", ".cts", ".js", ".jsx", ".mjs", ".mts", ".php", ".ts", ".tsx"})

_WITH_ROOM = frozenset({".java", ".kt"})


def relations_in(file: str, text: str) -> Iterator[ModelRelation]:
    """Yield the relations that a program states.

    Args:
        file: Its path, whose ending tells the language.
        text: Its source.
    """
    suffix = PurePosixPath(file).suffix.lower()
    if suffix == ".rb":
        yield from rails_relations(text)
    elif suffix == ".prisma":
        yield from prisma_relations(text)
    elif suffix == ".py":
        yield from django_relations(file, text)
        yield from sqlalchemy_relations(text)
    elif suffix in _WITH_ROOM:
        yield from room_relations(text)
    elif suffix in _WITH_BUILDERS:
        yield from builder_relations(text)
