"""Tests on real OpenZFS, through the command line, over a real sshd. They run inside the guest of lab/run."""
