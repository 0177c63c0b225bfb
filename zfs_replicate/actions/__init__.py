"""Carry out a request: one module for each action. The only room that may import all others but cli."""
