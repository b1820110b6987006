"""Run the connector: `python -m chargehand_connectors.mail [--transport streamable-http] [--port N]`."""

from chargehand.connectors.serve import serve
from chargehand_connectors.mail import connector
from chargehand_connectors.mail.server import open_mail

if __name__ == "__main__":
    serve(connector, open_mail)
