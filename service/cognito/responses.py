"""The responses of this protocol."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from service.cognito.call import Answer
from service.http.responses import Response

MEDIA_TYPE = "application/x-amz-json-1.1"


def success(answer: Answer, request_id: str) -> web.Response:
    """Members without a value are left out."""
    body = b"" if answer is None else orjson.dumps({name: one for name, one in answer.items() if one is not None})
    return Response(body=body, headers={"x-amzn-RequestId": request_id}, content_type=MEDIA_TYPE)


def failure(status: HTTPStatus, kind: str, text: str, request_id: str) -> web.Response:
    """`kind`: the name of the error without `Exception`."""
    name = f"{kind}Exception"
    body: Mapping[str, Any] = {"__type": name, "message": text}
    headers = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": name}
    return Response(status=status, body=orjson.dumps(body), headers=headers, content_type=MEDIA_TYPE)
