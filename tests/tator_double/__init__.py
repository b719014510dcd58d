"""A Tator server for tests: the semantics that were measured on server 1.5.0, over HTTP or within the process.

``Tator`` is the server; ``serving(tator)`` gives its URL, ``tator.transport()`` what httpx takes instead. Its people
edit through ``tator.person(token)``, and ``tator.at(point, do)`` plays a race: ``do`` runs once when a request reaches
that point between its check and its write.
"""

from tator_double.faults import Fault, FaultKind
from tator_double.rows import Row
from tator_double.server import Tator, serving

__all__ = ["Fault", "FaultKind", "Row", "Tator", "serving"]
