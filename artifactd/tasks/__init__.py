"""Work after the response: what is to be done, who is doing it, and when it is done again.

A task is a row. It joins the write turn that makes it necessary, so a rolled-back change asks for nothing.
Equal tasks (same name and key) coalesce when they are leased, never when they are enqueued: what is asked
for during a run makes another run. A lease that is not renewed ends, and the task is run again: every task
is safe to run twice.

Start at `task.py` (the words), then `queue.py` (leases), `schedule.py` (what recurs), `worker.py` (who runs
them) and `process.py` (the process that comes when there is work and goes when there is none). This package
knows no task: handlers are given to the worker by name.
"""
