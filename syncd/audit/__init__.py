"""The change log for somebody who has to be able to check it without syncd (docs/audit.md)."""
