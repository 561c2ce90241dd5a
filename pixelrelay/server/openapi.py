"""``/openapi.json``: what the gateway answers, kept by hand beside the routes; tests hold the two together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from pixelrelay.providers.adapting import ADAPTABLE
from pixelrelay.router.inputs import CHOICES, MOST_IMAGES, MOST_PARTIAL_IMAGES
from pixelrelay.router.strategies import STRATEGIES
from pixelrelay.server.fields import HIGHEST_RANK

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_NAMES: Schema = {"type": "array", "items": {"type": "string"}}
_LINK: Schema = {"type": "string", "pattern": "^(data:|https?://)"}


@cache
def document() -> Schema:
    """The whole document, OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pixelrelay",
            "version": version("pixelrelay"),
            "description": "OpenAI's Images API over a fleet of deployments. The same paths are served without `/v1`, "
            "below `/openai/v1`, and below `/openai/deployments/{model}` as Azure has them.",
        },
        "security": [{"bearer": []}, {"apiKey": []}, {}],
        "paths": {
            "/v1/images/generations": {"post": _draws("Draw pictures of a prompt.", _generation_body())},
            "/v1/images/edits": {"post": _draws("Draw pictures from images and a prompt.", _edit_body())},
            "/openai/deployments/{model}/images/generations": {
                "parameters": [_path("model", "images")],
                "post": _draws("As Azure has it; the path names the model.", _generation_body()),
            },
            "/openai/deployments/{model}/images/edits": {
                "parameters": [_path("model", "images")],
                "post": _draws("As Azure has it; the path names the model.", _edit_body()),
            },
            "/v1/models": {"get": _reads("The model groups, and what each can do.", "Models", 401)},
            "/v1/models/{model}": {
                "parameters": [_path("model", "images")],
                "get": _reads("One of them.", "Model", 401, 404),
            },
            "/health/live": {"get": _open(_reads("Whether the process answers.", "Health"))},
            "/health/ready": {"get": _open(_ready())},
            "/metrics": {"get": _metrics()},
            "/api/live": {"get": _reads("What the live page shows; for the master key.", None, 401, 403)},
            "/openapi.json": {"get": _open(_reads("This document.", None))},
            "/files/{name}": {"parameters": [_path("name", "0.png")], "get": _open(_file())},
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
            "schemas": _schemas(),
        },
    }


# --- operations --------------------------------------------------------------------------------------------------

_ERRORS: Mapping[int, str] = {
    400: "The request has to be changed.",
    401: "No key, or none that is known.",
    403: "The key is not good for this.",
    404: "No such model, or path.",
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "A body of another type.",
    429: "Every deployment is full; `retry-after` says when one is free.",
    500: "A defect of the gateway.",
    502: "Nobody who was asked could draw it.",
    503: "Not now: the gateway is at its own limits, or without its store.",
    504: "Not before the deadline.",
}


def _draws(summary: str, body: Schema) -> Schema:
    return {
        "summary": summary,
        "parameters": [_header("x-client-request-id", _TEXT), *_way_headers()],
        "requestBody": body,
        "responses": {
            "200": {
                "description": "The pictures. With `stream: true` an event for each; and if some could not be drawn, "
                "an `error` beside those that were.",
                "content": {
                    "application/json": {"schema": _ref("Images")},
                    "text/event-stream": {"schema": _TEXT},
                },
            },
            **_refusals(*_ERRORS),
        },
    }


def _reads(summary: str, schema: str | None, *refusals: int) -> Schema:
    told = _ref(schema) if schema else {"type": "object"}
    answered = {"description": "It.", "content": {"application/json": {"schema": told}}}
    return {"summary": summary, "responses": {"200": answered, **_refusals(*refusals)}}


def _ready() -> Schema:
    told = {"application/json": {"schema": _ref("Health")}}
    responses = {
        "200": {"description": "It does.", "content": told},
        "503": {"description": "It is about to end.", "content": told},
    }
    return {"summary": "Whether the process takes further requests.", "responses": responses}


def _metrics() -> Schema:
    text = {"description": "In Prometheus's text format.", "content": {"text/plain": {"schema": _TEXT}}}
    return {"summary": "Metrics.", "responses": {"200": text, **_refusals(401, 403, 404)}}


def _file() -> Schema:
    picture = {"description": "The picture.", "content": {"image/*": {}}}
    query = [{"name": name, "in": "query", "schema": _TEXT} for name in ("expires", "signature")]
    responses = {"200": picture, "206": picture, "416": {"description": "No such range."}, **_refusals(404)}
    return {"summary": "A picture under a signed link.", "parameters": query, "responses": responses}


def _open(operation: Schema) -> Schema:
    return {**operation, "security": []}


def _refusals(*statuses: int) -> Schema:
    told = {"application/json": {"schema": _ref("Error")}}
    return {str(status): {"description": _ERRORS[status], "content": told} for status in statuses}


def _path(name: str, example: str) -> Schema:
    # Of at least one character: without any the path would be another one.
    schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _header(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "schema": schema}


def _way_headers() -> list[Schema]:
    described = {
        "x-pixelrelay-timeout": _way()["timeout"],
        "x-pixelrelay-num-retries": _way()["num_retries"],
        "x-pixelrelay-strategy": _way()["strategy"],
        "x-pixelrelay-disable-fallbacks": {"type": "boolean"},
        "x-pixelrelay-keep-alive": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6},
        "x-pixelrelay-links": {"enum": ["provider", "own", "inline"]},
    }
    return [_header(name, schema) for name, schema in described.items()]


# --- bodies ------------------------------------------------------------------------------------------------------


def _generation_body() -> Schema:
    return {"required": True, "content": {"application/json": {"schema": _ref("Generation")}}}


def _edit_body() -> Schema:
    content = {"multipart/form-data": {"schema": _ref("EditForm")}, "application/json": {"schema": _ref("Edit")}}
    return {"required": True, "content": content}


def _way() -> dict[str, Schema]:
    return {
        "timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": 1e6, "description": "Seconds for all of it."},
        "num_retries": {"type": "integer", "minimum": 0, "maximum": 100},
        "tags": {**_NAMES, "description": "Only deployments that carry them."},
        "region": _TEXT,
        "strategy": {"enum": sorted(STRATEGIES)},
        "priority": {"type": "integer", "minimum": -HIGHEST_RANK, "maximum": HIGHEST_RANK},
        "fallbacks": {**_NAMES, "description": "In place of the configured ones."},
        "disable_fallbacks": {"type": "boolean"},
        "adapt": {"type": "array", "items": {"enum": sorted(ADAPTABLE)}},
        "drop_params": {"anyOf": [{"type": "boolean"}, _NAMES]},
    }


def _fields() -> dict[str, Schema]:
    return {
        "model": {**_TEXT, "description": "A model group or a deployment; left out, the only group."},
        "prompt": {"type": "string", "minLength": 1},
        "n": {"type": "integer", "minimum": 1, "maximum": MOST_IMAGES},
        "size": {"type": "string", "pattern": "^([1-9][0-9]{1,4}x[1-9][0-9]{1,4}|auto)$"},
        "quality": _TEXT,
        "background": {"enum": sorted(CHOICES["background"])},
        "output_format": {"enum": sorted(CHOICES["output_format"])},
        "output_compression": {"type": "integer", "minimum": 0, "maximum": 100},
        "response_format": {"enum": sorted(CHOICES["response_format"])},
        "style": _TEXT,
        "seed": {"type": "integer"},
        "user": _TEXT,
        "stream": {"type": "boolean"},
        "partial_images": {"type": "integer", "minimum": 0, "maximum": MOST_PARTIAL_IMAGES},
        **_way(),
    }


def _request(required: list[str], **further: Schema) -> Schema:
    """What is not named is a parameter of a provider's own."""
    return {"type": "object", "required": ["prompt", *required], "properties": {**_fields(), **further}}


def _schemas() -> Schema:
    linked = {"type": "object", "required": ["image_url"], "properties": {"image_url": _LINK}}
    file = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file}
    return {
        "Generation": _request([]),
        "Edit": _request(["images"], images={"type": "array", "minItems": 1, "items": linked}, mask=linked),
        "EditForm": _request(["image"], image={"anyOf": [file, files]}, mask=file),
        "Images": _images(),
        "Error": {"type": "object", "required": ["error"], "properties": {"error": _error()}},
        "Model": _model(),
        "Models": {
            "type": "object",
            "required": ["object", "data"],
            "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": _ref("Model")}},
        },
        "Health": {
            "type": "object",
            "required": ["status"],
            "properties": {"status": {"enum": ["live", "ready", "draining"]}},
        },
    }


def _images() -> Schema:
    picture = {
        "type": "object",
        "properties": {"b64_json": _TEXT, "url": _TEXT, "revised_prompt": _TEXT},
        "anyOf": [{"required": ["b64_json"]}, {"required": ["url"]}],
    }
    told = dict.fromkeys(("background", "output_format", "quality", "size"), _TEXT)
    counts = {name: {"type": "integer"} for name in ("input_tokens", "output_tokens", "total_tokens")}
    return {
        "type": "object",
        "required": ["created", "data"],
        "properties": {
            "created": {"type": "integer"},
            "data": {"type": "array", "items": picture},
            "usage": {"type": "object", "required": list(counts), "properties": counts},
            "error": _error(),
            **told,
        },
    }


def _error() -> Schema:
    nullable = {"type": ["string", "null"]}
    return {
        "type": "object",
        "required": ["message", "type", "param", "code"],
        "properties": {"message": _TEXT, "type": _TEXT, "param": nullable, "code": nullable},
    }


def _model() -> Schema:
    return {
        "type": "object",
        "required": ["id", "object", "created", "owned_by", "capabilities"],
        "properties": {
            "id": _TEXT,
            "object": {"const": "model"},
            "created": {"type": "integer"},
            "owned_by": _TEXT,
            "capabilities": {"type": "object", "description": "What at least one of its deployments can do."},
            "deployments": {"type": "integer"},
            "fallbacks": _NAMES,
        },
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
