"""
The state machine of each kind: what is true, and what shall be done about it.

Pure: facts go in, a decision comes out. No client, no clock, no logger; nothing here raises.
"""
