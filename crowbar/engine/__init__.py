"""The engine: the plan (pure), its execution, and its recovery."""
