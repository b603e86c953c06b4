"""The checks of the criteria: each looks at a run, and states what it saw."""
