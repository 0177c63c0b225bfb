"""Decide what a run does, or how a mirror is doing. (Inventory, Inventory) → Plan or Status. Pure: no clock, no I/O."""
