"""
The custom resources: names, conditions, the four kinds as types, and their CRDs.

Pure: nothing here talks to a cluster. What the types say is what the CRDs, the docs and the parser
say, because all of them are made from these.
"""
