"""What an operator does with machines: bring them in, power them, have them installed, let them go."""
