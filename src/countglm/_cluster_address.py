"""A client of the cluster at an address that a user gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from distributed import Client


def connected(address: str) -> Client:
    """Return a client of the scheduler at an address.

    Raises
    ------
    InputError
        That is no address, nothing answers there, or distributed is not installed.
    """
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError as error:
        raise InputError(
            "client= needs dask.distributed: pip install 'countglm[cluster]'."
        ) from error
    try:
        if not address.startswith("inproc://"):
            # A client of what is no address fails half-made, and takes a minute to be closed.
            get_address_host_port(address)
        return Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No scheduler answers at {address!r} ({error}); give the address that it prints when "
            "it starts, such as tcp://10.0.0.1:8786."
        ) from error
