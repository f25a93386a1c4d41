"""A small whole journal for each released shape, and what it must read as for ever.

`scripts/golden` records the version of this tree; what an older version recorded is only read.
"""
