"""Run the connector: `python -m chargehand_connectors.logistics [--transport streamable-http] [--port N]`."""

from chargehand.connectors.serve import serve
from chargehand_connectors.logistics import connector
from chargehand_connectors.logistics.server import open_logistics

if __name__ == "__main__":
    serve(connector, open_logistics)
