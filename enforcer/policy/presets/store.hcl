# E3's back-office work groups at store level. The POS is shut for them.
#
# What E3's description does not name as "can" is X: level 1 and every level 2
# function is marked, level 3 where it differs from its application. Whoever has
# something in a tree may also sign on to it (pos.signon, backoffice.signon),
# since nothing in it could be reached otherwise. What is X may still be lent by
# a manager where the catalogue says override = "manager".

# Till Balance, Safe Journal and the rest of cash management, and the Till Balance Summary Report.
work_group "Cash Management" {
  scope    = "store"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.cash"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.operator", "backoffice.security", "backoffice.item",
    "backoffice.promotion", "backoffice.customer", "backoffice.inventory", "backoffice.reports",
    "backoffice.data", "backoffice.support",
  ]

  exception "its own report is the only one" {
    allow = ["backoffice.reports.tillbalancesummary"]
  }
}

# All reports.
work_group "Reports" {
  scope    = "store"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.reports"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.inventory",
    "backoffice.data", "backoffice.support",
  ]
}

# Physical Count and the rest of inventory management, and the Inventory History Report.
work_group "Inventory Functions" {
  scope    = "store"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.inventory"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.reports", "backoffice.data",
    "backoffice.support",
  ]

  exception "its own report is the only one" {
    allow = ["backoffice.reports.inventoryhistory"]
  }
}

# All data maintenance; that it is of one store is the scope's to say. Not to be used without
# advice: it maintains data at store level that the enterprise usually maintains.
work_group "Store/Local Data Maintenance" {
  scope    = "store"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.data"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.inventory",
    "backoffice.reports", "backoffice.support",
  ]
}

# The operators of one store. Not to be used without advice: it maintains data at store level that
# the enterprise usually maintains.
work_group "Store/Local Operator Maintenance" {
  scope    = "store"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.operator"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.security", "backoffice.item",
    "backoffice.promotion", "backoffice.customer", "backoffice.inventory", "backoffice.reports",
    "backoffice.data", "backoffice.support",
  ]
}
