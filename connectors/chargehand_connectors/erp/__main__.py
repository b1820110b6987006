"""Run the connector: `python -m chargehand_connectors.erp [--transport streamable-http] [--port N]`."""

from chargehand.connectors.serve import serve
from chargehand_connectors.erp import connector
from chargehand_connectors.erp.server import open_erp

if __name__ == "__main__":
    serve(connector, open_erp)
