"""Pages for people: what a report shows, drawn as HTML and SVG with nothing from outside."""
