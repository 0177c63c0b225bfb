"""Reading both sides and carrying a plan out. Never decides: it imports nothing of plan."""
