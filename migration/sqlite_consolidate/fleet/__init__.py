"""Run many workspaces with one command.

A fleet file lists the workspaces. Workers run them in rounds, and a roll-up sums up the results.
"""
