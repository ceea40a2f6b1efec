"""The cloud checked from outside, by real clients."""
