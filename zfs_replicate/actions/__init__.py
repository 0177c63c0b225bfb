"""What the program can be asked to do, one module each. The only room that knows all the others."""
