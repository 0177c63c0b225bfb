"""The two ways to ask, for the contract tests: the simulator, and real OpenZFS."""
