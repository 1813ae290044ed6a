"""
Artifact bytes: how they come here, how they are checked, and what their own words say of the model.

``fetch`` puts it together; ``uri``, one module a backend and ``download`` bring the bytes;
``archive`` unpacks them; ``inspect`` and one module a format check them and derive the schema;
``push`` is the way back. No model library is imported here: whatever those would read must pass our
own bounded readers first.
"""
