"""Read both sides, and carry out a plan. Never decides anything: it imports nothing from plan."""
