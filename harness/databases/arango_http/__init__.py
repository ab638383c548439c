"""ArangoDB's HTTP dialect, as a client that must know what happened speaks it.

    errors      which refusals are definite
    request     one request, one answer, or RequestError
    node        documents, transactions and replication of one server
    session     one process's way into all servers
    deployment  servers on nodes, alone or as leader and followers
    product     what is deployed

and of an active failover:

    member, agency        one server and its bare answers; the agency
    failover_session      one process's way into both
    failover_deployment   agents and servers on nodes

Spoken alike by arangod and by the reference server.
"""
