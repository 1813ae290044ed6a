"""
Who asks, and what they may do: users, passwords, tokens, keys, roles and an outside OIDC issuer.

Pure but for ``secret`` (the one Secret) and what is handed in: clocks, randomness and the network
are arguments. What a deployment or a model is, is unknown here; owners are names.
"""
