"""The change log for somebody who must be able to check it without syncd (docs/audit.md)."""
