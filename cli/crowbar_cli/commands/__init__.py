"""One module for each group of commands; every command is thin: it asks a service, and shows the answer."""
