"""Agents that plan with less than everything: that look only so far ahead, and plan again from where they are."""
