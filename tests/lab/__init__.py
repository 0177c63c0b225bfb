"""Test the program on real OpenZFS, from the command line, over a real sshd, in the guest of lab/run."""
