"""Crowbar on the command line."""
