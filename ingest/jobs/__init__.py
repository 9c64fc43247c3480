"""Jobs: what each upload still needs, who works on it, and how it is told. Truth in the database.

``model`` and ``transitions`` say what a task is and how it may change; ``graph`` decides what a job
needs next; ``view`` shows it. ``store``, ``events`` and ``dispatch`` carry that to databases, to
listeners and to workers; ``conductor``, ``worker`` and ``sweeper`` keep it moving.
"""
