"""Checks each connection, permission and mapping in order, and names the remedy of each fault.

Nothing is written anywhere, and one thing that is wrong never keeps the rest from being looked at.
"""

from syncd.doctor.diagnosis import diagnose
from syncd.doctor.finding import SERVERS, Finding, Status

__all__ = ["SERVERS", "Finding", "Status", "diagnose"]
