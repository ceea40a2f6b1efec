"""The proposals: each edit is a new revision, and revisions stay."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, select, update

from crowbar.store import tables as t
from crowbar.store.columns import now
from crowbar.store.database import Database, insert_if_missing
from crowbar.store.model import Proposal

ProposalList = list[Proposal]  # inside the class, `list` is its method

_current = select(t.proposal_revisions).join(
    t.proposals,
    and_(
        t.proposals.c.barclamp == t.proposal_revisions.c.barclamp,
        t.proposals.c.name == t.proposal_revisions.c.name,
        t.proposals.c.revision == t.proposal_revisions.c.revision,
        t.proposals.c.deleted.is_(False),
    ),
)


class Proposals:
    """Proposals by barclamp and name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, proposal: Proposal) -> Proposal:
        """The proposal with its revision: a new one, or the last if nothing differs from that."""
        key = {"barclamp": proposal.barclamp, "name": proposal.name}
        with self._database.write() as connection:
            insert_if_missing(connection, t.proposals, {**key, "revision": 0, "deleted": False})
            # Locks the row on PostgreSQL, so that two who edit at once get two revisions.
            head = connection.execute(select(t.proposals).filter_by(**key).with_for_update()).one()
            last = connection.execute(_current.where(*_is(proposal.barclamp, proposal.name))).one_or_none()
            if last is not None and _content(_proposal(last)) == _content(proposal):
                return _proposal(last)
            saved = replace(proposal, revision=head.revision + 1)
            content = {"attributes": dict(saved.attributes), "elements": _lists(saved), "saved": now()}
            connection.execute(insert(t.proposal_revisions).values(**key, revision=saved.revision, **content))
            connection.execute(update(t.proposals).filter_by(**key).values(revision=saved.revision, deleted=False))
        return saved

    def get(self, barclamp: str, name: str) -> Proposal | None:
        """The proposal's last revision, or None if there is none or it was deleted."""
        with self._database.read() as connection:
            row = connection.execute(_current.where(*_is(barclamp, name))).one_or_none()
        return None if row is None else _proposal(row)

    def list(self) -> ProposalList:
        """The last revision of every proposal, by barclamp and name."""
        query = _current.order_by(t.proposal_revisions.c.barclamp, t.proposal_revisions.c.name)
        with self._database.read() as connection:
            return [_proposal(row) for row in connection.execute(query)]

    def revisions(self, barclamp: str, name: str) -> ProposalList:
        """All revisions, the first one first; also those of a deleted proposal."""
        query = select(t.proposal_revisions).where(*_is(barclamp, name)).order_by(t.proposal_revisions.c.revision)
        with self._database.read() as connection:
            return [_proposal(row) for row in connection.execute(query)]

    def delete(self, barclamp: str, name: str) -> None:
        """Delete the proposal, if there is one. Its revisions stay."""
        with self._database.write() as connection:
            connection.execute(update(t.proposals).filter_by(barclamp=barclamp, name=name).values(deleted=True))


def _is(barclamp: str, name: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return t.proposal_revisions.c.barclamp == barclamp, t.proposal_revisions.c.name == name


def _proposal(row: Row[Any]) -> Proposal:
    elements = {role: tuple(nodes) for role, nodes in row.elements.items()}
    return Proposal(row.barclamp, row.name, row.attributes, elements, row.revision)


def _lists(proposal: Proposal) -> dict[str, list[str]]:
    return {role: list(nodes) for role, nodes in proposal.elements.items()}


def _content(proposal: Proposal) -> str:
    # As text, because Python holds 1, 1.0 and true to be equal, and a schema does not.
    return json.dumps([dict(proposal.attributes), _lists(proposal)], sort_keys=True)
