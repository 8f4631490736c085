"""HTTP: Sanic's application and the handlers. The only place that knows Sanic."""
