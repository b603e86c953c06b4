"""Take the inventory of a workspace and propose a plan.

Nothing in the workspace is written but the plan and its JSON Schema.
"""
