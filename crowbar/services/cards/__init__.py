"""Error cards: a failed step on one page, with what it printed, its services' journal, and the likely cause."""

from crowbar.services.cards.causes import Cause, load_causes, match
from crowbar.services.cards.evidence import keep_journals
from crowbar.services.cards.make import Card, card, cards

__all__ = ["Card", "Cause", "card", "cards", "keep_journals", "load_causes", "match"]
