"""Decisions: two inventories become a plan or a status. Pure: no clock, no I/O, no log."""
