"""A virtual machine's BMC: what OpenIPMI's simulator is told to be, and the programs that it runs."""
