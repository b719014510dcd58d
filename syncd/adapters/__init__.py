"""One module per system that syncd reads and writes, behind the Protocols of ``protocol.py``."""
