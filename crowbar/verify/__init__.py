"""The cloud checked from outside, by real clients."""

from crowbar.verify.model import Check, CheckName, CheckStatus, CloudAccess, Report
from crowbar.verify.reboots import HardReboot, RebootReport, hard_reboots
from crowbar.verify.run import verify

__all__ = [
    "Check",
    "CheckName",
    "CheckStatus",
    "CloudAccess",
    "HardReboot",
    "RebootReport",
    "Report",
    "hard_reboots",
    "verify",
]
