"""ArangoError: a refusal in ArangoDB's own words, with its number and HTTP status."""

from __future__ import annotations

from typing import Any

# errorNum -> default HTTP status, where it is not 500.
_STATUS: dict[int, int] = (
    dict.fromkeys(
        (10, 17, 600, 601, 1204, 1205, 1208, 1213, 1214, 1216, 1218, 1220, 1221, 1222, 1226, 1227), 400
    )
    | dict.fromkeys((1229, 1232, 1233, 1235, 1237, 1410, 1411, 1413, 1450, 1466, 1468, 1469, 1501, 1502), 400)
    | dict.fromkeys((32, 1620, 1621, 1651, 1652, 1653, 1700, 1850), 400)
    | {400: 400, 401: 401}
    | dict.fromkeys((11, 1004, 1230), 403)
    | dict.fromkeys((404, 1202, 1203, 1212, 1228, 1238, 1582, 1591, 1600, 1655, 1703, 1852, 1924), 404)
    | {405: 405}
    | dict.fromkeys((1489, 1490), 406)
    | dict.fromkeys((1200, 1207, 1210, 1447, 1601, 1702, 1851, 1925), 409)
    | dict.fromkeys((21, 1500, 1654), 410)
    | dict.fromkeys((412, 1448), 412)
    | {1491: 421}
    | dict.fromkeys((9, 31, 501, 1470, 1471, 1477), 501)
    | dict.fromkeys((30, 38, 503, 1465, 1478, 1495, 1496), 503)
)


class ArangoError(Exception):
    """A refused request.

    `number` is ArangoDB's errorNum, `status` the HTTP status (from the number unless given), `extra` further
    members of the error body, `headers` further response headers.
    """

    def __init__(
        self,
        number: int,
        message: str,
        *,
        status: int | None = None,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.number = number
        self.message = message
        self.status = status if status is not None else _STATUS.get(number, 500)
        self.extra = extra or {}
        self.headers = headers or {}
