"""How jobs are matched and whose turn it is: the pure rules that the operator decides by and the API explains by.

Both import the same functions, so an explanation never contradicts a decision made on the same facts. Nothing here
knows a clock, a cluster or a database.
"""
