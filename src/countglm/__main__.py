"""``python -m countglm``: the command line where no script is installed."""

from countglm.cli import main

if __name__ == "__main__":
    main()
