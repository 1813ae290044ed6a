"""
Documents of the REST API: custom resources in, JSON out, and back.

Pure: nothing here asks the cluster, the clock or the network. Bodies are raw JSON as the API server
has them; what a request holds is refused by ``Refusal`` where it is wrong.
"""
