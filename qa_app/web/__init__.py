"""The web page and the HTTP API: a thin face over ``qa_app.api``.

app.py         builds the page and serves it
layout.py      the components and which event calls what
events.py      what each event does: address in, HTML out
address.py     the page's state as a query string, both ways
handlers.py    Answer and Document to view models, pure
views.py       the view models
marking.py     which words of a quote are marked
examples.py    example questions, made from the corpus
rendering.py   view models to HTML, through templates that escape everything
theme.py       fonts, colours, and the files that the browser loads
security.py    hosts, routes, bodies, headers
access.py      names and passwords
"""
