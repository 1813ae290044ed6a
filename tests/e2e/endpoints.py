"""A scoring address, asked as an application asks it."""

from typing import Any

import httpx

Records = list[dict[str, Any]]


class Endpoint:
    """One deployment's address; keeps its connections."""

    def __init__(self, address: str, identity: str) -> None:
        """``identity``: guid or servingId."""
        self.address = address
        self.path = f"/iml/v2/scoring/online/{identity}"
        self.client = httpx.Client(base_url=address, timeout=60, trust_env=False)

    def post(self, body: Any) -> httpx.Response:
        """Records as JSON."""
        return self.client.post(self.path, json=body)

    def score(self, records: Records) -> Records:
        """The answers to records that are fine."""
        response = self.post(records)
        assert response.status_code == 200, response.text
        answers: Records = response.json()
        return answers

    def get(self, path: str) -> httpx.Response:
        """Anything else."""
        return self.client.get(path)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
