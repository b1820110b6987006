"""`python -m chargehand.cli`: the command line, for an interpreter without its scripts on PATH."""

from chargehand.cli.main import main

main()
