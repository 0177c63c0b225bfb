"""Run the contract tests on the simulator or on real OpenZFS."""
