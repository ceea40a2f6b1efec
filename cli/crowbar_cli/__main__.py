"""`python -m crowbar_cli`: the command, by the interpreter that runs us."""

from crowbar_cli.main import main

main()
