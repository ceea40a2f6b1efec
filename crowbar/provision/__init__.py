"""Node images, and later the boot services that bring them to bare machines."""
