"""Processes that work together, and are asked as one."""

import concurrent.futures
from collections.abc import Mapping, Sequence
from typing import Any

from bench.contestant import Contestant, ContestantFailed


class Team:
    """Asks all of its members at once, because none could answer without the others.

    It can be asked where a `Contestant` can; a context manager that ends all.

    Args:
        members: processes of `bench.serve`, each started.
    """

    def __init__(self, members: Sequence[Contestant]):
        self.members = tuple(members)

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.close(is_polite=False)

    def prepare(
        self, deadline_seconds: float, given: Sequence[Mapping[str, Any]]
    ) -> None:
        """Opens the case in all of them, each with what it is given.

        Raises:
            ContestantFailed: see `ask`.
        """
        self._ask_all("prepare", deadline_seconds, [{"given": each} for each in given])

    def ask(self, what: str, deadline_seconds: float, **details: Any) -> dict[str, Any]:
        """Asks all the same.

        Args:
            what, deadline_seconds, details: see `Contestant.ask`.

        Returns:
            Of a run, `amount` of all together, the `seconds` of the one that took
            longest, and each one's `extras`, a list. Of a check, each one's
            `results`.

        Raises:
            ContestantFailed: as soon as one can't go on. The others are ended, because
                they would wait for it.
        """
        answers = self._ask_all(what, deadline_seconds, [details] * len(self.members))
        if what == "check":
            return {"results": [answer["results"] for answer in answers]}
        return {
            "amount": sum(answer["amount"] for answer in answers),
            "seconds": max(answer["seconds"] for answer in answers),
            "extras": [answer["extras"] for answer in answers],
        }

    def cpu_seconds(self) -> float:
        """Processor time of all, so far."""
        return sum(member.cpu_seconds() for member in self.members)

    def _ask_all(self, what, deadline_seconds, details):
        with concurrent.futures.ThreadPoolExecutor(len(self.members)) as threads:
            futures = [
                threads.submit(member.ask, what, deadline_seconds, **each)
                for member, each in zip(self.members, details, strict=True)
            ]
            done, _ = concurrent.futures.wait(
                futures, return_when=concurrent.futures.FIRST_EXCEPTION
            )
            failures = [future.exception() for future in done if future.exception()]
            if failures:
                for member in self.members:
                    member.kill()
                assert isinstance(failures[0], ContestantFailed), failures[0]
                raise failures[0]
        return [future.result() for future in futures]
