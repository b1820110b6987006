"""Fill a fresh Tryton database with the demo company. Runs in Tryton's own environment, never in Chargehand's.

    <venv>/bin/python seed.py fill CONF DATABASE      the company of company.json
    <venv>/bin/python seed.py secure CONF DATABASE    a password and a key of this installation, read from stdin as JSON

`fill` may be cached and copied; `secure` is run once on every copy, so that no two installations share a credential.
Progress goes to stdout, one line a stage.
"""

# Tryton's client library is not in the environment that type checks this file.
# pyright: basic, reportMissingImports=false

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path

from proteus import Model, Wizard, config

LOGIN = "chargehand"
GROUPS = ("Sales", "Sales Administrator", "Account", "Accounting", "Stock", "Party Administration")
COMPANY = Path(__file__).with_name("company.json")
MANY = Decimal("0.0001")


def main(verb: str, conf: str, database: str) -> None:
    session = config.set_trytond(database=f"sqlite:///{database}", user="admin", config_file=conf)
    session.skip_warning = True  # invoices of the past fall due in the past
    if verb == "fill":
        Seed(session, json.loads(COMPANY.read_text(encoding="utf-8"))).fill()
    elif verb == "secure":
        secure(**json.load(sys.stdin))
    else:
        raise SystemExit(f"unknown verb {verb!r}")


def secure(password: str, key: str, admin_password: str) -> None:
    """Give the service user its password and REST key, and the administrator a password."""
    user = Model.get("res.user")
    (service,) = user.find([("login", "=", LOGIN)])
    service.password = password
    service.save()
    (admin,) = user.find([("login", "=", "admin")])
    admin.password = admin_password
    admin.save()
    application = Model.get("res.user.application")
    for old in application.find([("user", "=", service.id)]):
        old.delete()
    application(user=service, application="rest", key=key, state="validated").save()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Seed:
    """One pass over company.json; every record is found again by its code."""

    def __init__(self, session, data) -> None:
        self.session = session
        self.data = data
        self.today = dt.datetime.now(tz=dt.UTC).date()
        self.customers = {}
        self.products = {}
        self.currencies = {}

    def fill(self) -> None:
        say("company, currencies and accounts")
        self.money()
        self.company()
        self.accounts()
        self.fiscal_years()
        say("customers, products and stock")
        self.parties()
        self.goods()
        self.sales_setup()
        for order in self.data["orders"]:
            say(f"order {order['number']}")
            self.order(order)
        self.service_user()

    def money(self) -> None:
        currency = Model.get("currency.currency")
        for given in self.data["currencies"]:
            record = currency(
                name=given["name"], code=given["code"], numeric_code=given["numeric"], symbol=given["symbol"]
            )
            record.rounding, record.digits = Decimal("0.01"), 2
            record.rates.new(date=dt.date(self.today.year - 2, 1, 1), rate=Decimal(given["rate"]))
            record.save()
            self.currencies[given["code"]] = record
        country = Model.get("country.country")
        self.countries = {}
        for code in sorted({given["country"] for given in self.data["customers"]}):
            record = country(name=code, code=code)
            record.save()
            self.countries[code] = record

    def company(self) -> None:
        party = Model.get("party.party")(name=self.data["company"]["name"])
        party.save()
        wizard = Wizard("company.company.config")
        wizard.execute("company")
        wizard.form.party = party
        wizard.form.currency = self.currencies[self.data["company"]["currency"]]
        wizard.execute("add")
        self.session._context = Model.get("res.user").get_preferences(True, {})
        (self.own,) = Model.get("company.company").find()

    def accounts(self) -> None:
        template = Model.get("account.account.template")
        root = Model.get("ir.model.data").get_id("account.account_template_root_en", self.session.context)
        wizard = Wizard("account.create_chart")
        wizard.execute("account")
        wizard.form.account_template = template(root)
        wizard.form.company = self.own
        wizard.execute("create_account")
        account = Model.get("account.account")
        self.account = {
            kind: account.find([(f"type.{kind}", "=", True), ("company", "=", self.own.id), ("closed", "!=", True)])[0]
            for kind in ("receivable", "payable", "revenue", "expense")
        }
        (self.account["bank"],) = account.find([("company", "=", self.own.id), ("code", "=", "1.1.1")])
        wizard.form.account_receivable = self.account["receivable"]
        wizard.form.account_payable = self.account["payable"]
        wizard.form.category_account_revenue = self.account["revenue"]
        wizard.form.category_account_expense = self.account["expense"]
        wizard.execute("create_properties")
        (journal,) = Model.get("account.journal").find([("type", "=", "cash")])
        method = Model.get("account.invoice.payment.method")(name="Bank transfer", journal=journal)
        method.credit_account = method.debit_account = self.account["bank"]
        method.save()
        self.payment_method = method
        self.payment_term = Model.get("account.invoice.payment_term")(name="Due on receipt")
        self.payment_term.lines.new(type="remainder")
        self.payment_term.save()

    def fiscal_years(self) -> None:
        """From last year to two years ahead, so that a cached company stays usable."""
        for year in range(self.today.year - 1, self.today.year + 3):
            fiscal = Model.get("account.fiscalyear")(name=str(year), company=self.own)
            fiscal.start_date, fiscal.end_date = dt.date(year, 1, 1), dt.date(year, 12, 31)
            fiscal.move_sequence = self.sequence("ir.sequence.strict", "Account Move", f"{year}/")
            (numbers,) = fiscal.invoice_sequences
            invoices = self.sequence("ir.sequence.strict", "Invoice", f"INV-{year}-", padding=4)
            credit_notes = self.sequence("ir.sequence.strict", "Invoice", f"CN-{year}-", padding=4)
            numbers.out_invoice_sequence = numbers.in_invoice_sequence = invoices
            numbers.out_credit_note_sequence = numbers.in_credit_note_sequence = credit_notes
            fiscal.save()
            fiscal.click("create_period")

    def sequence(self, model, kind, prefix, padding=1, first=1):
        (kind,) = Model.get("ir.sequence.type").find([("name", "=", kind)], limit=1)
        sequence = Model.get(model)(name=prefix, sequence_type=kind, prefix=prefix, padding=padding)
        sequence.company = self.own
        sequence.number_next = first
        sequence.save()
        return sequence

    def parties(self) -> None:
        party, language = Model.get("party.party"), Model.get("ir.lang")
        for given in self.data["customers"]:
            record = party(name=given["name"], code=given["code"])
            record.lang = (language.find([("code", "=", given["language"])]) or [None])[0]
            record.customer_payment_term = self.payment_term
            (address,) = record.addresses
            address.street, address.postal_code, address.city = given["street"], given["postal_code"], given["city"]
            address.country = self.countries[given["country"]]
            record.contact_mechanisms.new(type="email", value=given["email"])
            record.contact_mechanisms.new(type="phone", value=given["phone"])
            record.save()
            self.customers[given["code"]] = record

    def goods(self) -> None:
        category = Model.get("product.category")(name="Goods", accounting=True)
        category.account_revenue, category.account_expense = self.account["revenue"], self.account["expense"]
        category.save()
        (unit,) = Model.get("product.uom").find([("name", "=", "Unit")])
        template = Model.get("product.template")
        for given in self.data["products"]:
            record = template(name=given["name"], code=given["code"], default_uom=unit, type="goods", salable=True)
            record.list_price = Decimal(given["price"])
            record.account_category = category
            record.save()
            (self.products[given["code"]],) = record.products
        service = template(name="Delivery", default_uom=unit, type="service", salable=True)
        service.list_price = Decimal(0)
        service.account_category = category
        service.save()
        for name in self.data["carriers"]:
            carrier = Model.get("party.party")(name=name)
            carrier.save()
            Model.get("carrier")(party=carrier, carrier_product=service.products[0]).save()
        (storage,) = Model.get("stock.location").find([("code", "=", "STO")])
        inventory = Model.get("stock.inventory")(location=storage)
        inventory.empty_quantity = "keep"
        for given in self.data["products"]:
            line = inventory.lines.new(product=self.products[given["code"]])
            line.quantity = float(given["stock"])
        inventory.save()
        inventory.click("confirm")

    def sales_setup(self) -> None:
        """Order numbers, the reason of complaints, and the web shop that makes our own documents unique by key."""
        settings = Model.get("sale.configuration")(1)
        settings.sale_sequence = self.sequence("ir.sequence", "Sale", "SO-", first=self.data["first_order_number"])
        settings.complaint_sequence = self.sequence("ir.sequence", "Customer Complaint", "CO-", padding=4)
        settings.save()
        (model,) = Model.get("ir.model").find([("name", "=", "sale.sale")])
        Model.get("sale.complaint.type")(name="Customer complaint", origin=model).save()
        Model.get("web.shop")(
            name="Chargehand", company=self.own, currency=self.currencies[self.data["company"]["currency"]]
        ).save()

    def order(self, given) -> None:
        day = self.today - dt.timedelta(days=given["days_ago"])
        sale = Model.get("sale.sale")(party=self.customers[given["customer"]], sale_date=day)
        sale.payment_term = self.payment_term
        if "currency" in given:
            sale.currency = self.currencies[given["currency"]]
        sale.invoice_method, sale.shipment_method = "order", "order"
        for code, quantity in given["lines"]:
            line = sale.lines.new(product=self.products[code])
            line.quantity = float(quantity)
        sale.save()
        sale.click("quote")
        if sale.number != given["number"]:
            raise SystemExit(f"order {given['number']} was numbered {sale.number}")
        if given["until"] == "quotation":
            return
        sale.click("confirm")
        if given["until"] == "confirmed":
            return
        self.ship(sale, given["tracking"], day + dt.timedelta(days=1))
        self.invoice(sale, day, given)

    def ship(self, sale, tracking, day) -> None:
        (shipment,) = sale.shipments
        shipment.reference = tracking
        shipment.planned_date = shipment.effective_date = min(day, self.today)
        shipment.save()
        for step in ("assign_force", "pick", "pack", "do"):
            shipment.click(step)

    def invoice(self, sale, day, given) -> None:
        (invoice,) = sale.invoices
        invoice.invoice_date = day
        invoice.save()
        invoice.click("post")
        if given["until"] == "invoiced":
            return
        pay = invoice.click("pay")
        if "part" in given:
            pay.form.amount = Decimal(given["part"])
        pay.form.payment_method = self.payment_method
        pay.form.date = min(day + dt.timedelta(days=1), self.today)
        pay.execute("choice")
        if pay.state != "end":
            pay.form.type = "partial"
            pay.execute("pay")

    def service_user(self) -> None:
        """The user that Chargehand's connector acts as: sales, accounting and stock, no administration."""
        group = Model.get("res.group")
        user = Model.get("res.user")(name="Chargehand", login=LOGIN)
        user.companies.append(self.own)
        user.company = self.own
        for name in GROUPS:
            user.groups.extend(group.find([("name", "=", name)]))
        user.save()


if __name__ == "__main__":
    main(*sys.argv[1:4])
