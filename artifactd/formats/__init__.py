"""The seam between the core and the formats, core's side.

`format.py` says what a format is: a value with pure functions. `exchange.py` is what a handler gets,
`index.py` a small document derived on read, `loader.py` finds the formats that are installed. Formats
import
`artifactd.plugin`, which re-exports what of this they may use.
"""
