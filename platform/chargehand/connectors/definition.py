"""A tool's definition as its server publishes it, and the digest that pins it.

The digest is SHA-256 over the RFC 8785 form of name, description, input and output schema and annotations: all that a
model or a reviewer decides by. Other fields (icons, titles, `_meta`) may change without notice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from chargehand.connectors.model import Tool
from chargehand.errors import BadInput

PINNED_FIELDS = ("name", "description", "inputSchema", "outputSchema", "annotations")
MAX_DEFINITION_BYTES = 256 * 1024


def declared(tool: Tool[..., Any]) -> dict[str, Any]:
    """The definition that a declared tool's server publishes, with MCP's four hints."""
    return {
        "name": tool.operation,
        "description": tool.description,
        "inputSchema": dict(tool.input_schema),
        "outputSchema": dict(tool.output_schema),
        "annotations": {
            "readOnlyHint": tool.effect == "read",
            "destructiveHint": tool.effect == "irreversible",
            # Only a repeat under the same key is harmless for a keyed tool, and the hint is about plain repeats.
            "idempotentHint": tool.delivery == "safe",
            "openWorldHint": True,
        },
    }


def pinned_part(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the digest covers, without those that are absent or null."""
    return {name: definition[name] for name in PINNED_FIELDS if definition.get(name) is not None}


def digest(definition: Mapping[str, Any]) -> str:
    """`sha256:<hex>` of a definition.

    Raises:
        BadInput: it is too large, or has numbers that JSON readers do not agree on.
    """
    try:
        canonical = rfc8785.dumps(pinned_part(definition))
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise BadInput(f"the definition has no canonical form: {error}", field=str(definition.get("name"))) from None
    if len(canonical) > MAX_DEFINITION_BYTES:
        raise BadInput(
            f"the definition has {len(canonical)} bytes; {MAX_DEFINITION_BYTES} is the most",
            field=str(definition.get("name")),
        )
    return "sha256:" + hashlib.sha256(canonical).hexdigest()
