"""Taking applied changes back: what they came to (:mod:`net`), and its inverse (:mod:`invert`); both are pure."""
