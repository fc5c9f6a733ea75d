# E3's cashier work groups.
#
# What E3's description does not name as "can" is X: level 1 and every level 2
# function is marked, level 3 where it differs from its application. Whoever has
# something in a tree may also sign on to it (pos.signon, backoffice.signon),
# since nothing in it could be reached otherwise. What is X may still be lent by
# a manager where the catalogue says override = "manager".

# A sale, the customers and the item search; no return, no Manager Override.
work_group "POS Cashier - Sales Only" {
  scope    = "store"
  reviewed = 1

  allow = [
    "pos", "pos.signon", "pos.lock", "pos.password.change", "pos.sale", "pos.itemsearch",
    "backoffice", "backoffice.signon", "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer",
  ]

  deny = [
    "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak",
    "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.signon.nodrawer", "pos.price",
    "pos.void", "pos.return", "pos.tender", "pos.drawer", "pos.till", "pos.giftcard", "pos.customer",
    "pos.reports", "pos.time", "pos.device", "pos.order", "pos.table", "pos.delivery",
    "pos.sale.suspended.void", "pos.sale.agerestricted", "pos.sale.zeroornegative", "pos.sale.order.create",
    "pos.sale.order.edit", "pos.sale.deposit.override", "pos.sale.others.view",
    "backoffice.export", "backoffice.print", "backoffice.allstores", "backoffice.cash", "backoffice.operator",
    "backoffice.security", "backoffice.item", "backoffice.promotion", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
    "backoffice.customer.credit", "backoffice.customer.export",
  ]

  exception "of voids only what the work of this group takes" {
    allow = ["pos.void.line"]
  }

  exception "of tenders only what the work of this group takes" {
    allow = [
      "pos.tender.cash", "pos.tender.card", "pos.tender.check", "pos.tender.giftcard", "pos.tender.voucher",
      "pos.tender.loyalty",
    ]
  }

  exception "of the cash drawer only what the work of this group takes" {
    allow = ["pos.drawer.sale", "pos.drawer.reopen"]
  }

  exception "of the till only what the work of this group takes" {
    allow = ["pos.till.open", "pos.till.safedrop", "pos.till.count"]
  }

  exception "of the time clock only what the work of this group takes" {
    allow = ["pos.time.punch"]
  }
}

# As Sales Only, and a return with a receipt, paid in cash.
work_group "POS Cashier - Sales and Returns" {
  scope    = "store"
  reviewed = 1

  allow = [
    "pos", "pos.signon", "pos.lock", "pos.password.change", "pos.sale", "pos.itemsearch",
    "backoffice", "backoffice.signon", "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer",
  ]

  deny = [
    "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak",
    "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.signon.nodrawer", "pos.price",
    "pos.void", "pos.return", "pos.tender", "pos.drawer", "pos.till", "pos.giftcard", "pos.customer",
    "pos.reports", "pos.time", "pos.device", "pos.order", "pos.table", "pos.delivery",
    "pos.sale.suspended.void", "pos.sale.agerestricted", "pos.sale.zeroornegative", "pos.sale.order.create",
    "pos.sale.order.edit", "pos.sale.deposit.override", "pos.sale.others.view",
    "backoffice.export", "backoffice.print", "backoffice.allstores", "backoffice.cash", "backoffice.operator",
    "backoffice.security", "backoffice.item", "backoffice.promotion", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
    "backoffice.customer.credit", "backoffice.customer.export",
  ]

  exception "of voids only what the work of this group takes" {
    allow = ["pos.void.line"]
  }

  exception "of returns only what the work of this group takes" {
    allow = ["pos.return.receipted", "pos.return.cash"]
  }

  exception "of tenders only what the work of this group takes" {
    allow = [
      "pos.tender.cash", "pos.tender.card", "pos.tender.check", "pos.tender.giftcard", "pos.tender.voucher",
      "pos.tender.loyalty",
    ]
  }

  exception "of the cash drawer only what the work of this group takes" {
    allow = ["pos.drawer.sale", "pos.drawer.reopen"]
  }

  exception "of the till only what the work of this group takes" {
    allow = ["pos.till.open", "pos.till.safedrop", "pos.till.count"]
  }

  exception "of the time clock only what the work of this group takes" {
    allow = ["pos.time.punch"]
  }
}

# As Sales and Returns, and Manager Override with what it is mostly asked for.
work_group "POS Cashier - Manager Override" {
  scope    = "store"
  reviewed = 1

  allow = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.manageroverride", "pos.password.change",
    "pos.sale", "pos.itemsearch",
    "backoffice", "backoffice.signon", "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer",
  ]

  deny = [
    "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak", "pos.training",
    "pos.offline.operate", "pos.signon.nodrawer", "pos.price", "pos.void", "pos.return", "pos.tender",
    "pos.drawer", "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device",
    "pos.order", "pos.table", "pos.delivery",
    "pos.sale.suspended.void", "pos.sale.agerestricted", "pos.sale.zeroornegative", "pos.sale.order.create",
    "pos.sale.order.edit", "pos.sale.deposit.override", "pos.sale.others.view",
    "backoffice.export", "backoffice.print", "backoffice.allstores", "backoffice.cash", "backoffice.operator",
    "backoffice.security", "backoffice.item", "backoffice.promotion", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
    "backoffice.customer.credit", "backoffice.customer.export",
  ]

  exception "of voids only what the work of this group takes" {
    allow = ["pos.void.line", "pos.void.transaction", "pos.void.postvoid"]
  }

  exception "of returns only what the work of this group takes" {
    allow = [
      "pos.return.receipted", "pos.return.nonreceipted", "pos.return.outsidepolicy", "pos.return.cash",
    ]
  }

  exception "of tenders only what the work of this group takes" {
    allow = [
      "pos.tender.cash", "pos.tender.card", "pos.tender.check", "pos.tender.giftcard", "pos.tender.voucher",
      "pos.tender.loyalty",
    ]
  }

  exception "of the cash drawer only what the work of this group takes" {
    allow = ["pos.drawer.sale", "pos.drawer.nosale", "pos.drawer.reopen"]
  }

  exception "of the till only what the work of this group takes" {
    allow = [
      "pos.till.open", "pos.till.safedrop", "pos.till.paidin", "pos.till.paidout", "pos.till.count",
    ]
  }

  exception "of the time clock only what the work of this group takes" {
    allow = ["pos.time.punch"]
  }
}
