"""Odd values, odd arrays, odd numbers, damaged files and command lines: each is solved or refused in words (`make fuzz`)."""
