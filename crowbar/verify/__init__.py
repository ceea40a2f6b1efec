"""The cloud checked from outside, by real clients."""

from crowbar.verify.hard_reboots import HardReboot, hard_reboots
from crowbar.verify.model import Check, CheckName, CheckStatus, CloudAccess, Report
from crowbar.verify.run import verify

__all__ = [
    "Check",
    "CheckName",
    "CheckStatus",
    "CloudAccess",
    "HardReboot",
    "Report",
    "hard_reboots",
    "verify",
]
