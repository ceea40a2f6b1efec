"""Networks remember which address they gave last, so that one that is freed is given again as late as can be."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; of networks that there are, the highest address that is given stands for the last."""
    op.add_column("networks", sa.Column("last_given", sa.Integer, nullable=False, server_default="-1"))
    op.execute(
        "UPDATE networks SET last_given = coalesce("
        "(SELECT max(position) FROM allocations WHERE allocations.network = networks.name), -1)"
    )
