# Aura POS's recommended permissions by employee category, https://cosoft.freshdesk.com (support article
# 1000178235); of the Manager from a page of https://cosoft.atlassian.net that is cut, so that it is partial.
#
# Aura's two states are Allowed and Prohibited: what the recommendation does not name is X. "To Process Invoices" is
# to sell an item, to take cash for it, and the drawer for that. Whoever has something in a tree may also sign on to
# it. What is X may still be lent by a manager where the catalogue says override = "manager".

# To Assign Driver.
work_group "Aura Driver" {
  scope    = "store"
  reviewed = 1

  allow = ["pos", "pos.signon"]

  deny = [
    "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak",
    "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard",
    "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch", "pos.order", "pos.table",
    "pos.delivery", "backoffice", "backoffice.signon", "backoffice.xapps.pos", "backoffice.export",
    "backoffice.print", "backoffice.allstores", "backoffice.itemsearch", "backoffice.cash",
    "backoffice.operator", "backoffice.security", "backoffice.item", "backoffice.promotion",
    "backoffice.customer", "backoffice.inventory", "backoffice.reports", "backoffice.data",
    "backoffice.support",
  ]

  exception "To Assign Driver" {
    allow = ["pos.delivery.assigndriver"]
  }
}

# To Access The Menu Item Selector, Adjust Invoice Line Quantity, Assign Driver, Process a Credit Card
# Transaction, Process Invoices, Delete Unsaved Invoice Line.
work_group "Aura Cashier" {
  scope    = "store"
  reviewed = 1

  allow = ["pos", "pos.signon"]

  deny = [
    "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak",
    "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard",
    "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch", "pos.order", "pos.table",
    "pos.delivery", "backoffice", "backoffice.signon", "backoffice.xapps.pos", "backoffice.export",
    "backoffice.print", "backoffice.allstores", "backoffice.itemsearch", "backoffice.cash",
    "backoffice.operator", "backoffice.security", "backoffice.item", "backoffice.promotion",
    "backoffice.customer", "backoffice.inventory", "backoffice.reports", "backoffice.data",
    "backoffice.support",
  ]

  exception "To Process Invoices" {
    allow = ["pos.sale.item"]
  }

  exception "To Process Invoices, and a Credit Card Transaction" {
    allow = ["pos.tender.cash", "pos.tender.card"]
  }

  exception "To Process Invoices: the drawer for it" {
    allow = ["pos.drawer.sale"]
  }

  exception "of invoices what Aura names for it" {
    allow = ["pos.order.itemselector", "pos.order.linequantity", "pos.order.deleteunsavedline"]
  }

  exception "To Assign Driver" {
    allow = ["pos.delivery.assigndriver"]
  }
}

# As Cashier without Assign Driver, and To Close A Table, Edit An Already Assigned Table, Modify Invoices,
# Void An Invoice Line, Split or Group an Invoice.
work_group "Aura Waiter" {
  scope    = "store"
  reviewed = 1

  allow = ["pos", "pos.signon"]

  deny = [
    "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak",
    "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard",
    "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch", "pos.order", "pos.table",
    "pos.delivery", "backoffice", "backoffice.signon", "backoffice.xapps.pos", "backoffice.export",
    "backoffice.print", "backoffice.allstores", "backoffice.itemsearch", "backoffice.cash",
    "backoffice.operator", "backoffice.security", "backoffice.item", "backoffice.promotion",
    "backoffice.customer", "backoffice.inventory", "backoffice.reports", "backoffice.data",
    "backoffice.support",
  ]

  exception "To Process Invoices" {
    allow = ["pos.sale.item"]
  }

  exception "To Void An Invoice Line" {
    allow = ["pos.void.line"]
  }

  exception "To Process Invoices, and a Credit Card Transaction" {
    allow = ["pos.tender.cash", "pos.tender.card"]
  }

  exception "To Process Invoices: the drawer for it" {
    allow = ["pos.drawer.sale"]
  }

  exception "of invoices what Aura names for it" {
    allow = [
      "pos.order.itemselector", "pos.order.linequantity", "pos.order.deleteunsavedline", "pos.order.modify",
      "pos.order.splitorgroup",
    ]
  }

  exception "of tables what Aura names for it" {
    allow = ["pos.table.close", "pos.table.editassigned"]
  }
}

# Partial: the list in its source is cut after "To Change Invoice Allocati". As Waiter and Cashier, and To Close
# Any Table, Abandon An Invoice, Access Expense Payments, Access Menu Items, Access Stock Items, Add An Expense
# Payment, Authorise a Transaction Refund, Authorise Any Staff Meal, Authorise Discounts, Browse Old Invoices,
# Browse Shop Cashup Data, Cashup a Waiter. To authorise is to approve it for others: Manager Override, with what
# hangs on it here, monitor mode and break-glass.
work_group "Aura Manager" {
  scope    = "store"
  reviewed = 1

  allow = ["pos", "pos.signon", "pos.manageroverride", "backoffice", "backoffice.signon"]

  deny = [
    "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak",
    "pos.training", "pos.offline.operate", "pos.password.change", "pos.signon.nodrawer", "pos.sale",
    "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer", "pos.till", "pos.giftcard",
    "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch", "pos.order", "pos.table",
    "pos.delivery", "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
  ]

  exception "To Process Invoices" {
    allow = ["pos.sale.item"]
  }

  exception "To Authorise Discounts" {
    allow = [
      "pos.discount.line.amount", "pos.discount.line.percent", "pos.discount.total.amount",
      "pos.discount.total.percent",
    ]
  }

  exception "To Void An Invoice Line" {
    allow = ["pos.void.line"]
  }

  exception "To Authorise a Transaction Refund" {
    allow = ["pos.return.receipted", "pos.return.cash"]
  }

  exception "To Process Invoices, and a Credit Card Transaction" {
    allow = ["pos.tender.cash", "pos.tender.card"]
  }

  exception "To Process Invoices: the drawer for it" {
    allow = ["pos.drawer.sale"]
  }

  exception "To Add An Expense Payment, and To Cashup a Waiter" {
    allow = ["pos.till.paidout", "pos.till.waitercashup"]
  }

  exception "of invoices what Aura names for it" {
    allow = [
      "pos.order.itemselector", "pos.order.linequantity", "pos.order.deleteunsavedline", "pos.order.modify",
      "pos.order.splitorgroup", "pos.order.abandon", "pos.order.staffmeal", "pos.order.browseold",
    ]
  }

  exception "of tables what Aura names for it" {
    allow = ["pos.table.close", "pos.table.closeany", "pos.table.editassigned"]
  }

  exception "To Assign Driver" {
    allow = ["pos.delivery.assigndriver"]
  }

  exception "To Access Menu Items, and Stock Items" {
    allow = ["backoffice.item.maintenance"]
  }

  exception "To Browse Shop Cashup Data" {
    allow = ["backoffice.reports.tillbalancesummary"]
  }
}
