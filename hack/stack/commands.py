"""The commands of ``python3 hack/stack``: ``up`` and ``down``."""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from cluster.progress import say
from stack.bringup import StackError, down, up


def main(words: Sequence[str]) -> int:
    """Run one command; the exit status."""
    parser = argparse.ArgumentParser(prog="python3 hack/stack", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    bring = commands.add_parser("up", help="environment, cluster, images and chart; idempotent")
    bring.add_argument("--context", help="use this context of your kubeconfig")
    commands.add_parser("down", help="remove the cluster and all it left on the machine")
    arguments = parser.parse_args(words)
    try:
        if arguments.command == "down":
            return down()
        up(arguments.context)
    except StackError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"error: '{' '.join(map(str, error.cmd))}' failed\n")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. The same command goes on from here; 'down' removes everything.")
        return 130
    return 0
