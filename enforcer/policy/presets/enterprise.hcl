# E3's back-office work groups at enterprise level. The POS is shut for them.
#
# What E3's description does not name as "can" is X: level 1 and every level 2
# function is marked, level 3 where it differs from its application. Whoever has
# something in a tree may also sign on to it (pos.signon, backoffice.signon),
# since nothing in it could be reached otherwise. What is X may still be lent by
# a manager where the catalogue says override = "manager".

# All data maintenance.
work_group "Enterprise Data Maintenance" {
  scope    = "enterprise"
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

# Item management, and the Item Price Modifications Report.
work_group "Enterprise Item Maintenance" {
  scope    = "enterprise"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.item"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.promotion", "backoffice.customer", "backoffice.inventory", "backoffice.reports",
    "backoffice.data", "backoffice.support",
  ]

  exception "its own report is the only one" {
    allow = ["backoffice.reports.itempricemod"]
  }
}

# Promotion management, and the Promotional Sales Report.
work_group "Enterprise Promotion Maintenance" {
  scope    = "enterprise"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.promotion"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.customer", "backoffice.inventory", "backoffice.reports", "backoffice.data",
    "backoffice.support",
  ]

  exception "its own report is the only one" {
    allow = ["backoffice.reports.promotionalsales"]
  }
}

# Customer management, and the Customer Sales History Report.
work_group "Enterprise Customer Maintenance" {
  scope    = "enterprise"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon", "backoffice.customer"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.inventory", "backoffice.reports",
    "backoffice.data", "backoffice.support",
  ]

  exception "its own report is the only one" {
    allow = ["backoffice.reports.customersaleshistory"]
  }
}

# The operators of all stores.
work_group "Enterprise Operator Maintenance" {
  scope    = "enterprise"
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
