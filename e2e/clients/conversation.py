"""Runs the cases of the standard input with a client's functions, and prints the results."""

import asyncio
import json
import sys

CASE_SECONDS_MAX = 60


def run(hold):
    """`hold(url, steps)` is a coroutine that holds one conversation and returns its events."""
    asked = json.load(sys.stdin)

    async def all_cases():
        results = []
        for case in asked["cases"]:
            events = await asyncio.wait_for(hold(asked["url"], case["steps"]), CASE_SECONDS_MAX)
            results.append({"name": case["name"], "events": events})
        return results

    json.dump(asyncio.run(all_cases()), sys.stdout)
