"""The program that runs on a machine which is not installed yet."""
