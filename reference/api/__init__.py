"""The HTTP surface by area, in ArangoDB's words.

Every module of an area has `ROUTES`, a tuple of `routes.Route`: method, path pattern, handler, and what the
caller must be allowed to do before the handler runs. A handler is `async def handler(call: Call) ->
Response`; it refuses by raising `reference.errors.ArangoError` and answers with the functions of
`api.answer`. A `Call` is all it gets: the request, the parts of the path, the database, the caller's
rights, the server's services.
"""
