"""The one source of the chart's values: models that values.yaml, the schema and the README's table are made from.

`python -m chart_source.generate` (in `charts/`) writes all three; the templates read the values described here.
"""
